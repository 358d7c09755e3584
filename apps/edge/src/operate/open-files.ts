import { readFileSync } from "node:fs";

/** For Redis, Temporal, metrics, and connections that are still being refused. */
const RESERVED = 256;

/**
 * The connections this process can hold: `wanted`, or as many as it may open files. Beyond that the kernel would refuse
 * everything new, the way back to Redis included.
 */
export function connectionsWithin(wanted: number, openFiles: number): number {
  return Math.max(1, Math.min(wanted, openFiles - RESERVED));
}

/** How many connections may wait for their upgrade beside `connections` that are upgraded. */
export function pendingWithin(wanted: number, connections: number, openFiles: number): number {
  return Math.max(1, Math.min(wanted, openFiles - connections - RESERVED / 2));
}

/** How many files this process may open (`ulimit -n`; Node raises the soft limit to the hard one); Infinity where nothing tells. */
export function openFilesLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
