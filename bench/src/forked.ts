import { fork, type ChildProcess, type Serializable } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process of the bench's own. It ends when its parent does, since it watches the channel between them. */
export interface Forked {
  pid: number;
  stop(): Promise<void>;
}

/** Resolves when the child says `listening`; what else it says goes to `onMessage`. */
export async function forkProcess(
  entry: URL,
  env: Record<string, string>,
  onMessage: (message: Serializable) => void = () => {},
): Promise<Forked> {
  const child = fork(fileURLToPath(entry), {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise<void>((resolve, reject) => {
    child.on("message", (message) => (message === "listening" ? resolve() : onMessage(message)));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${entry.pathname} ended before it was ready (exit code ${code}).`)));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${entry.pathname} has no process id.`);
  return { pid, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}
