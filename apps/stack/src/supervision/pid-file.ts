import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { commandLine, goneWithin, signalProcess } from "../process-table.ts";

/** Remembers which process runs on a data folder, so that the next start can end one that a crash left behind. */
export function writePidFile(path: string, pid: number): void {
  writeFileSync(path, JSON.stringify({ pid, command: commandLine(pid) ?? "" }));
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Ends the process a pid file names, if it still is that process: ids are reused, so the whole command line must be the
 * one that was written down. Returns the id of a process that was ended.
 */
export async function reapLeftover(path: string): Promise<number | undefined> {
  const { pid, command } = readPidFile(path);
  removePidFile(path);
  if (pid === undefined || command === "" || commandLine(pid) !== command) return undefined;
  signalProcess(pid, "SIGTERM");
  signalProcess(pid, "SIGCONT");
  if (!(await goneWithin(pid, 5_000))) {
    signalProcess(pid, "SIGKILL");
    await goneWithin(pid, 5_000);
  }
  return pid;
}

function readPidFile(path: string): { pid: number | undefined; command: string } {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    const valid = typeof value === "object" && value !== null && "pid" in value && "command" in value;
    if (valid && typeof value.pid === "number" && typeof value.command === "string") {
      return { pid: value.pid, command: value.command };
    }
  } catch {
    // No file, or half of one: there is nothing that could safely be ended.
  }
  return { pid: undefined, command: "" };
}
