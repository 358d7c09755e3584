import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type HoldfastClient } from "@holdfast/client";
import { freePort, isPortFree } from "@holdfast/stack/ports";
import { mintToken } from "@holdfast/stack/token";
import { afterEach, beforeEach, expect, test } from "vitest";
import { patchedTree, type Tree } from "./patched-tree.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SECRET = "a secret of this test, long enough";

let tree: Tree;
let data: string;
let portBase: number;
let started: ChildProcess | undefined;
let client: HoldfastClient | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "holdfast-author-"));
  tree = await patchedTree([]);
  for (const file of ["package-lock.json", ".holdfast"]) await symlink(join(ROOT, file), join(tree.root, file));
  portBase = await freePort();
  while (!(await isPortFree(portBase + 1))) portBase = await freePort();
});
afterEach(async () => {
  await client?.close();
  started?.kill("SIGKILL");
  started = undefined;
  client = undefined;
  await tree.remove();
  await rm(data, { recursive: true, force: true, maxRetries: 20 });
});

/** `npm start` in the author's tree; resolves with what it said once it has said `text`. */
function start(env: Record<string, string> = {}): {
  says(text: string): Promise<void>;
  said(): string;
  ended: Promise<number | null>;
} {
  const child = spawn(
    process.execPath,
    [join(tree.root, "apps/stack/src/main.ts"), "start", "--port-base", `${portBase}`],
    {
      cwd: tree.root,
      env: { ...process.env, HOLDFAST_DATA_DIR: data, HOLDFAST_JWT_SECRET: SECRET, HOLDFAST_EDGES: "1", ...env },
    },
  );
  started = child;
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  let hasEnded = false;
  const ended = new Promise<number | null>((resolve) =>
    child.once("close", (code) => {
      hasEnded = true;
      resolve(code);
    }),
  );
  const says = async (text: string): Promise<void> => {
    while (!said.includes(text)) {
      if (hasEnded) throw new Error(`It ended without saying “${text}”:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { says, said: () => said, ended };
}

/** An agent that says nothing and counts, `step` at a time. */
const greeter = (step: string): string => `import { defineAgent } from "./define-agent.ts";

export const greeter = defineAgent<{ count: number }>({
  name: "greeter",
  initialState: { count: 0 },
  async onTurn(turn) {
    if (turn.input.text === "throw") throw new Error("the harbour is closed");
    turn.update((state) => ({ count: state.count + ${step} }));
  },
});
`;

async function saveGreeter(step: string): Promise<void> {
  await writeFile(join(tree.root, "workflows/src/agents/greeter.ts"), greeter(step));
}

async function listGreeter(): Promise<void> {
  const path = join(tree.root, "workflows/src/agents/registry.ts");
  const source = await readFile(path, "utf8");
  const listed = source.replace("[concierge, echo]", "[concierge, echo, greeter]");
  expect(listed).not.toBe(source);
  await writeFile(path, `import { greeter } from "./greeter.ts";\n${listed}`);
}

/** Says something to the greeter of a session; resolves with its state when that turn has ended. */
async function say(session: string, text: string): Promise<unknown> {
  client ??= connect({
    url: `http://127.0.0.1:${portBase + 1}`,
    token: () => mintToken(SECRET, { subject: "ada" }),
  });
  const opened = client.session(session, { agent: "greeter" });
  const ended = opened.get().turns.length;
  await opened.send(text).durable;
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (opened.get().turns.length > ended && opened.get().running === null) resolve();
    };
    opened.subscribe(look);
    look();
  });
  return opened.get().state;
}

test("an author's mistakes are told in the terminal, and saving the file is enough", { timeout: 600_000 }, async () => {
  await saveGreeter("1 +;");
  await listGreeter();
  const run = start();
  await run.says("Holdfast is running");
  expect(run.said()).toMatch(/an agent's code cannot be run: workflows\/src\/agents\/greeter\.ts:8: /);
  expect(run.said()).toContain("orchestrator waits for the agents' code to be mended");
  expect(run.said()).not.toMatch(/at parseTypeScript|node:internal/);

  await saveGreeter("1");
  await run.says("clients may now ask for concierge, echo, greeter");
  expect(await say("one", "hello")).toEqual({ count: 1 });

  await say("two", "throw");
  await run.says("the harbour is closed (workflows/src/agents/greeter.ts:7)");

  const told = run.said().length;
  await saveGreeter("nowhere(;");
  await run.says("save the file when it is mended");
  while (!/cannot be run: workflows\/src\/agents\/greeter\.ts:8/.test(run.said().slice(told)))
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await say("three", "hello")).toEqual({ count: 1 });

  await saveGreeter("100");
  await expect.poll(() => run.said().slice(told), { timeout: 60_000 }).toContain("orchestrator is back");
  expect(await say("four", "hello")).toEqual({ count: 100 });
});

test("an agent that is offered and not there: one sentence, exit code 2, before anything is started", async () => {
  const run = start({ HOLDFAST_AGENTS: "concierge,greeter" });
  expect(await run.ended).toBe(2);
  expect(run.said()).toContain(
    'HOLDFAST_AGENTS names "greeter", but the agents in workflows/src/agents/registry.ts are concierge, echo',
  );
  expect(run.said()).not.toContain("is ready");
});
