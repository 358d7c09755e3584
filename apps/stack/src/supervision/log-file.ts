import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

const MAX_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 4_000;

/** Makes room for a new log: the old one becomes `<path>.1`, the one before that is gone. */
export function rotateLog(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    renameSync(path, `${path}.1`);
  } catch {
    // There was no log yet.
  }
}

/** Rotates a log that has grown large; for programs that are started again and again onto the same file. */
export function rotateLargeLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_BYTES) rotateLog(path);
}

/** The newest output in a log, whole lines; empty when there is none. */
export function readLogTail(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      const text = buffer.toString();
      return size > TAIL_BYTES ? text.slice(text.indexOf("\n") + 1) : text;
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
