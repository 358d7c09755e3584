import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readLogTail } from "./supervision/log-file.ts";
import { readableLog } from "./supervision/log-line.ts";
import { isAlive } from "./process-table.ts";
import { StackError } from "./stack-error.ts";

/**
 * A program must not outlive us, however we end, and not all programs notice. A shell of its own waits on a pipe from
 * this process: if the pipe breaks it ends the program; a line on the pipe tells it that the program has ended already.
 */
const WATCH = `read -r line && exit 0
kill -TERM "$1"; n=0
while kill -0 "$1" && [ $n -lt 80 ]; do sleep 0.1; n=$((n+1)); done
kill -KILL "$1"`;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** The newest output, for error messages. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended. */
  stop(graceMs?: number): Promise<void>;
}

export interface GuardedOptions {
  /** Output is appended to this file; left out, only its end is kept, in memory. */
  logFile?: string | undefined;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Give the program a standard input that closes when this process ends. */
  stdin?: boolean;
  /** Whose process it is; ours if left out. Only root may give one away. */
  user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Starts a program in a process group of its own: a Ctrl-C in the terminal reaches only us, and we decide the order. */
export function startGuarded(
  executable: string,
  args: readonly string[],
  options: GuardedOptions = {},
): Promise<GuardedProcess> {
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, "a");
  const child = spawn(executable, args, {
    stdio: [options.stdin ? "pipe" : "ignore", log ?? "pipe", log ?? "pipe"],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
  });
  if (log !== undefined) closeSync(log);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => resolve(guard(child, options.logFile)));
  });
}

function guard(child: ChildProcess, logFile: string | undefined): GuardedProcess {
  const pid = child.pid;
  if (pid === undefined) throw new Error("a spawned process has a pid");
  const watcher = spawn("sh", ["-c", WATCH, "holdfast-guard", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watcher.stdin.on("error", () => {});
  watcher.on("error", () => {});
  child.stdin?.on("error", () => {});
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      watcher.stdin.end("done\n");
      resolve({ code, signal });
    });
  });
  const output = logFile === undefined ? collectOutput(child) : () => readLogTail(logFile);
  const kill = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  return { pid, exited, output, kill, stop: (graceMs = 8_000) => stop(child, exited, graceMs) };
}

function collectOutput(child: ChildProcess): () => string {
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-4_000);
    });
  }
  return () => tail;
}

async function stop(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  // A paused program (SIGSTOP) would keep SIGTERM pending for ever.
  child.kill("SIGCONT");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await exited;
  clearTimeout(timer);
}

/** `fetch failed` says nothing; the errors it was caused by do. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : reasonOf(error.cause);
  const own = error.message.trim() || ("code" in error ? String(error.code) : error.name);
  return cause === "" ? own : `${own}: ${cause}`;
}

/**
 * Waits until `ready` answers true; what it throws counts as not yet. Rejects with the program's last words when it ends
 * first, and with a `StackError`, having ended it, when time is up.
 */
export async function untilReady(
  program: GuardedProcess,
  what: string,
  ready: () => Promise<boolean>,
  withinMs = 90_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let reason = "";
  for (;;) {
    if (!isAlive(program.pid)) throw new Error(`${what} ended while starting:\n${readableLog(program.output())}`);
    try {
      if (await ready()) return;
    } catch (error) {
      reason = ` (${reasonOf(error)})`;
    }
    if (Date.now() > deadline) {
      await program.stop(0);
      const words = readableLog(program.output());
      throw new StackError("child_failed", `${what} was not ready after ${withinMs / 1_000} s${reason}:\n${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
