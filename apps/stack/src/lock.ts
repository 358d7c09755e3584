import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { commandLine, isAlive } from "./process-table.ts";

/** `held`: another living process has it, its id is `pid`. */
export type LockResult = { outcome: "taken"; release: () => void } | { outcome: "held"; pid: number };

interface Holder {
  pid: number;
  /** Its command line, so that an unrelated process which later got the same id does not count. */
  command: string;
  nonce: string;
}

/**
 * Takes a lock file that names its holder. One left behind by a dead process is taken over. The file appears by `link`,
 * complete and only if nobody else's is there, so a reader never sees half of one.
 */
export function takeLock(path: string): LockResult {
  mkdirSync(dirname(path), { recursive: true });
  const mine: Holder = { pid: process.pid, command: commandLine(process.pid) ?? "", nonce: randomUUID() };
  const draft = `${path}.${mine.nonce}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    for (;;) {
      if (link(draft, path)) return { outcome: "taken", release: () => release(path, mine.nonce) };
      const holder = readHolder(path);
      if (holder !== undefined && lives(holder)) return { outcome: "held", pid: holder.pid };
      setAside(path, holder?.nonce);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes a lock, waiting for as long as a living process holds it. */
export async function waitForLock(path: string, onWait: (pid: number) => void): Promise<() => void> {
  let told = false;
  for (;;) {
    const result = takeLock(path);
    if (result.outcome === "taken") return result.release;
    if (!told) onWait(result.pid);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  return "pid" in value && Number.isInteger(value.pid) && "command" in value && "nonce" in value;
}

function lives(holder: Holder): boolean {
  return isAlive(holder.pid) && commandLine(holder.pid) === holder.command;
}

/** Moves a dead holder's file away. If another process took over in the meantime, its file is put back. */
function setAside(path: string, staleNonce: string | undefined): void {
  const aside = `${path}.stale-${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (moved !== undefined && moved.nonce !== staleNonce) link(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, nonce: string): void {
  if (readHolder(path)?.nonce === nonce) rmSync(path, { force: true });
}
