import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textOf, type Turn, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { answerTokens, parseScript, startModelServer } from "@holdfast/model-server";
import { Client, Connection } from "@temporalio/client";
import pc from "picocolors";
import { type ChildEvent, type Stack, startStack } from "../stack.ts";
import { differences } from "../demo/comparison.ts";
import { Conversation, INPUTS } from "../demo/conversation.ts";
import { Screen } from "../demo/screen.ts";
import { untilStopped } from "./stop-signal.ts";

/** The model's answers: numbered words, so that a hole, a repetition or a foreign word shows at a glance. */
const MODEL_SCRIPT = "tokens=60,delay=40ms";
const SESSION = "demo";

/** As a shell tells of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

export interface DemoOptions {
  /** Whether the model server can go on from the beginning of an answer. Where not, a retry starts it again. */
  continue: boolean;
}

/** `npm run demo`. Returns the exit code: 0 only if nothing was lost, duplicated or garbled. */
export async function demo(options: DemoOptions): Promise<number> {
  const screen = new Screen();
  const signals = untilStopped();
  const dir = await mkdtemp(join(tmpdir(), "holdfast-demo-"));
  const model = await startModelServer({ script: MODEL_SCRIPT });
  screen.line("stack", "starting a whole Holdfast on free ports");
  const stack = await startStack({
    dir,
    persist: false,
    signals,
    onProgress: (line) => screen.line("stack", line),
    onEvent: (event) => report(event, screen),
    env: {
      inference: {
        HOLDFAST_MODEL_URL: model.url,
        HOLDFAST_MODEL_NAME: "numbered-words",
        HOLDFAST_MODEL_CONTINUE: options.continue ? "vllm" : "none",
      },
    },
  }).catch(async (error: unknown) => {
    if (!signals.stop.aborted) throw error;
    await rm(dir, { recursive: true, force: true });
    return undefined;
  });
  if (stack === undefined) return INTERRUPTED;
  void signals.promise.then(async (why) => {
    screen.line("stack", `stopping (${why})`);
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
    process.exit(INTERRUPTED);
  });
  screen.line(
    "stack",
    "the model of this demo answers in numbered words, so that a hole or a repetition shows: a mark of the",
  );
  screen.line("stack", "input, then 1, 2, 3 … (423b.1 423b.2 423b.3)");
  try {
    const problems = await run(stack, screen);
    console.log(verdict(problems));
    if (problems.length === 0) await rm(dir, { recursive: true, force: true });
    else console.log(`Logs of the processes: ${join(dir, "logs")}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await Promise.all([stack.stop(), model.stop()]);
  }
}

async function run(stack: Stack, screen: Screen): Promise<string[]> {
  const conversation = new Conversation(stack, screen, SESSION, answerTo);
  try {
    await conversation.hold();
    screen.end();
    const { turns } = conversation.session.get();
    const expected = Object.values(INPUTS).map((input) => ({ input, answer: answerTo(input) }));
    const workflow = await workflowTurns(stack);
    console.log(table(turns, workflow, expected.length));
    return [...conversation.witness.problems, ...differences({ expected, client: turns, workflow })];
  } catch (error) {
    screen.end();
    return [...conversation.witness.problems, error instanceof Error ? error.message : String(error)];
  } finally {
    await conversation.close();
  }
}

function answerTo(input: string): string {
  return answerTokens(input, parseScript(MODEL_SCRIPT)).join("");
}

async function workflowTurns(stack: Stack): Promise<readonly Turn[]> {
  const connection = await Connection.connect({ address: stack.temporalAddress });
  try {
    const id = workflowIdOf({ tenant: "acme", owner: "ada", name: SESSION });
    const { snapshot } = await new Client({ connection }).workflow.getHandle(id).query<SessionState>(QUERY_SNAPSHOT);
    return snapshot.turns;
  } finally {
    await connection.close();
  }
}

function table(client: readonly Turn[], workflow: readonly Turn[], inputs: number): string {
  const characters = (turns: readonly Turn[]): number => turns.reduce((sum, turn) => sum + textOf(turn).length, 0);
  const expected = Object.values(INPUTS).reduce((sum, input) => sum + answerTo(input).length, 0);
  return [
    "",
    `  what the model said            ${inputs} answers   ${expected} characters`,
    `  the workflow's transcript      ${workflow.length} turns     ${characters(workflow)} characters   (by Query)`,
    `  the client's transcript        ${client.length} turns     ${characters(client)} characters`,
    "",
  ].join("\n");
}

function verdict(problems: readonly string[]): string {
  if (problems.length === 0) return pc.green(pc.bold("Nothing was lost, nothing was duplicated, nothing was garbled."));
  return [pc.red(pc.bold("This went wrong:")), ...problems.map((problem) => `  ${pc.red("•")} ${problem}`)].join("\n");
}

function report(event: ChildEvent, screen: Screen): void {
  if (event.type === "ready" && event.restarts > 0) screen.line("stack", `${event.name} is back`);
}
