import { type SessionKey, sessionPath } from "@holdfast/contract";
import calculateSlot from "cluster-key-slot";
import type { Cluster } from "ioredis";

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

/** Keys in a session's slot that are written only to see whether Redis takes writes. */
export function probeKeysOf(key: SessionKey): string[] {
  return named(`${prefixOf(key)}:probe`);
}

/** Such keys for the `n`th part of Redis. No session's hash tag is a number: it is always a path. */
export function reachKeysOf(n: number): string[] {
  return named(`hf:{reach-${n}}`);
}

function named(prefix: string): string[] {
  return PARTS_OF_A_SESSION.map((part) => `${prefix}:${part}`);
}

function prefixOf(key: SessionKey): string {
  return `hf:{${sessionPath(key)}}`;
}

/** host:port of the master that serves a key or a channel, as far as this connection knows. */
export function masterOf(cluster: Cluster, key: string): string | undefined {
  return cluster.slots[calculateSlot(key)]?.[0];
}

/** A text that changes when a slot moves to another master. Costs 0.1 ms. */
export function layoutOf(cluster: Cluster): string {
  const changes: string[] = [];
  let last: string | undefined;
  for (const [slot, nodes] of cluster.slots.entries()) {
    const master = nodes?.[0];
    if (master !== last) changes.push(`${slot} ${master ?? "nobody"}`);
    last = master;
  }
  return changes.join(", ");
}

/** host:port of every master that serves a slot. */
export function mastersOf(cluster: Cluster): Set<string> {
  const masters = new Set<string>();
  for (const nodes of cluster.slots) if (nodes?.[0] !== undefined) masters.add(nodes[0]);
  return masters;
}
