import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { isAlive } from "./process-table.ts";

/**
 * A program that knows nothing of us and must not outlive us. A shell of its own waits on a pipe from this process: if
 * the pipe breaks (this process is gone, however it went) it ends the program; a line on the pipe tells it to go home.
 */
const WATCH =
  'read -r line && exit 0; kill -TERM "$1"; n=0; while kill -0 "$1" && [ $n -lt 80 ]; do sleep 0.1; n=$((n+1)); done; kill -KILL "$1"';

export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** The newest output, for error messages. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts a program in a process group of its own: a Ctrl-C in the terminal reaches only us, and we decide the order. */
export function startGuarded(executable: string, args: readonly string[], logFile?: string): Promise<GuardedProcess> {
  const child = spawn(executable, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => resolve(guard(child, logFile)));
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
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => {
      watcher.stdin.end("done\n");
      resolve({ code, signal });
    });
  });
  const output = collectOutput(child, logFile);
  const kill = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  return { pid, exited, output, kill, stop: (graceMs = 8_000) => stop(child, exited, graceMs) };
}

function collectOutput(child: ChildProcess, logFile: string | undefined): () => string {
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: "a" });
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log?.write(chunk);
      tail = (tail + chunk.toString()).slice(-4_000);
    });
  }
  child.once("close", () => log?.end());
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

/** Waits until `ready` answers true; rejects with the program's last words when it ends first or time is up. */
export async function untilReady(
  server: GuardedProcess,
  what: string,
  ready: () => Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    if (!isAlive(server.pid)) throw new Error(`${what} ended while starting:\n${server.output().trim()}`);
    if (await ready().catch(() => false)) return;
    if (Date.now() > deadline) {
      await server.stop(0);
      throw new Error(`${what} was not ready after ${withinMs / 1000} s:\n${server.output().trim()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
