import { type SessionKey, sessionPath } from "@holdfast/contract";

/** The channel a session's frames are published on. In the slot of its keys, since the script that appends publishes. */
export function feedOf(key: SessionKey): string {
  return `${prefixOf(key)}:feed`;
}

/** The stream that holds a session's frames. */
export function logOf(key: SessionKey): string {
  return `${prefixOf(key)}:log`;
}

/** Everything a session has in Redis, in the order `lua/log.lua` expects. One hash tag: one slot of a Cluster. */
export function keysOf(key: SessionKey): string[] {
  const prefix = prefixOf(key);
  const kept = ["head", "text", "turns", "state", "applied"].map((part) => `${prefix}:${part}`);
  return [logOf(key), ...kept, feedOf(key)];
}

function prefixOf(key: SessionKey): string {
  return `hf:{${sessionPath(key)}}`;
}
