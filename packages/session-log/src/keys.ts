import { type SessionKey, sessionPath } from "@holdfast/contract";

/** What a session has in Redis, in the order `lua/head.lua` expects. The feed is a channel, not a key that holds something. */
const PARTS_OF_A_SESSION = ["log", "head", "parts", "text", "steps", "turns", "state", "applied", "feed"] as const;
export const NUMBER_OF_KEYS = PARTS_OF_A_SESSION.length;

/** The channel a session's frames are published on. In the slot of its keys, since the script that appends publishes. */
export function feedOf(key: SessionKey): string {
  return `${prefixOf(key)}:feed`;
}

/** The stream that holds a session's frames. */
export function logOf(key: SessionKey): string {
  return `${prefixOf(key)}:log`;
}

/** Everything a session has in Redis. One hash tag: one slot of a Cluster. */
export function keysOf(key: SessionKey): string[] {
  return named(prefixOf(key));
}

/** Keys that are written only to see whether writes are taken, where a session's own are. */
export function probeKeysOf(key: SessionKey): string[] {
  return named(`${prefixOf(key)}:probe`);
}

/** The same for a part of Redis: every `n` is another. No session has such a hash tag, which is always a path. */
export function reachKeysOf(n: number): string[] {
  return named(`hf:{reach-${n}}`);
}

function named(prefix: string): string[] {
  return PARTS_OF_A_SESSION.map((part) => `${prefix}:${part}`);
}

function prefixOf(key: SessionKey): string {
  return `hf:{${sessionPath(key)}}`;
}
