import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ModelServer, startModelServer } from "@holdfast/model-server";
import { startStack, type Stack, type StackOptions } from "@holdfast/stack/stack";
import { z } from "zod";

/** Says what is to be undone at the end, or when what was begun with it fails. */
export type Undo = (step: () => unknown) => void;

/** Gives what `build` makes; all it has begun is undone in reverse by `close`, or at once when it fails. */
export async function withUndo<T extends object>(
  build: (undo: Undo) => Promise<T>,
): Promise<T & { readonly close: () => Promise<void> }> {
  const steps: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of steps.splice(0).toReversed()) await step();
  };
  try {
    return { ...(await build((step) => steps.push(step))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function temporaryFolder(undo: Undo, name: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `holdfast-${name}-`));
  undo(() => rm(dir, { recursive: true, force: true, maxRetries: 20 }));
  return dir;
}

/** A process of the stack has ended, and another one takes its place. */
export interface ProcessExit {
  name: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** As `performance.now()` has it. */
  at: number;
  /** What its log says of it, where it ended by an error. */
  said?: string;
}

/** A whole Holdfast whose model is the scripted server, so that every answer is known beforehand. */
export interface Fixture {
  readonly stack: Stack;
  readonly model: ModelServer;
  /** Every process that has ended since the start, whoever ended it. */
  exits(): readonly ProcessExit[];
  readonly close: () => Promise<void>;
}

export interface FixtureOptions extends StackOptions {
  /** How the model answers by default; see `parseScript`. */
  script?: string;
}

export function startFixture({ script = "", ...options }: FixtureOptions = {}): Promise<Fixture> {
  return withUndo(async (undo) => {
    const model = await startModelServer({ script });
    undo(() => model.stop());
    const dir = options.dir ?? (await temporaryFolder(undo, "fixture"));
    const exits: ProcessExit[] = [];
    const inference = { HOLDFAST_MODEL_URL: model.url, HOLDFAST_MODEL_NAME: "scripted", ...options.env?.["inference"] };
    const stack = await startStack({
      ...options,
      dir,
      persist: options.persist ?? options.dir !== undefined,
      env: { ...options.env, inference },
      onEvent: (event) => {
        if (event.type !== "ended") return;
        const { name, exit } = event;
        const isError = exit.code !== 0 && exit.signal === null;
        const said = isError ? { said: lastWords(join(dir, "logs", `${name}.log`)) } : {};
        exits.push({ name, ...exit, at: performance.now(), ...said });
      },
    });
    undo(() => stack.stop());
    return { stack, model, exits: () => exits };
  });
}

const SERVERS: readonly string[] = ["temporal", "valkey"];

export function appNames({ stack }: Pick<Fixture, "stack">): string[] {
  return stack.children().flatMap(({ name }) => (SERVERS.includes(name) ? [] : [name]));
}

/**
 * Apps that ended without being struck, in words. One that is killed ends by SIGKILL and one that is drained in peace.
 * SIGUSR2 moves a clock, or ends a process that has only just begun.
 */
export function crashesIn(exits: readonly ProcessExit[], since: number): string[] {
  return exits
    .filter(({ name, at }) => at >= since && !SERVERS.includes(name))
    .filter(({ code, signal }) => code !== 0 && signal !== "SIGKILL" && signal !== "SIGUSR2")
    .map(({ name, code, signal, said }) => {
      const why = said === undefined ? "" : `: ${said}`;
      return `${name} ended by itself: ${signal ?? `exit code ${code}`}${why}`;
    });
}

/** Pino's `error`. */
const ERROR = 50;
/** Characters: enough for a message and the top of its stack. */
const MOST_WORDS = 600;

const lineSchema = z.object({
  level: z.number(),
  msg: z.string(),
  err: z.looseObject({ stack: z.string().optional(), message: z.string().optional() }).optional(),
});

/** What a process that has just ended wrote last of its trouble: its newest error, or its newest line where it told of none. */
function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n").toReversed();
  for (const line of lines) {
    const said = lineSchema.safeParse(parsed(line));
    if (!said.success || said.data.level < ERROR) continue;
    const { msg, err } = said.data;
    return `${msg}: ${err?.stack ?? err?.message ?? ""}`.slice(0, MOST_WORDS);
  }
  return (lines[0] ?? "").slice(0, MOST_WORDS);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
