import calculateSlot from "cluster-key-slot";
import type { Cluster } from "ioredis";

/** host:port of the master that serves a key or a channel, as far as this connection knows. */
export function masterOf(cluster: Cluster, key: string): string | undefined {
  return cluster.slots[calculateSlot(key)]?.[0];
}

/** Who serves what, in words that change when a slot changes hands. Costs 0.1 ms. */
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

/** host:port of all that serve any slot. */
export function mastersOf(cluster: Cluster): Set<string> {
  const masters = new Set<string>();
  for (const nodes of cluster.slots) if (nodes?.[0] !== undefined) masters.add(nodes[0]);
  return masters;
}
