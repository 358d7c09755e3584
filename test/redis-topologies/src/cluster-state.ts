import type { DataNode } from "./data-node.ts";
import { until } from "./until.ts";

/** One range of slots, and who has its keys. Ports. */
export interface Shard {
  first: number;
  last: number;
  master: number;
  replicas: number[];
}

export interface Member {
  node: DataNode;
  /** Port on which nodes talk to each other. */
  bus: number;
}

export const SLOTS = 16_384;

/** The first `masters` of them share the slots, the others follow them in turn. Without the command line tool. */
export async function joinCluster(members: readonly Member[], masters: number): Promise<void> {
  const clients = members.map(({ node }) => node.client);
  const ids: string[] = [];
  for (const [i, client] of clients.entries()) {
    ids.push(String(await client.cluster("MYID")));
    // Each an epoch of its own, or they would find one out for themselves, after a while.
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    if (i >= masters) continue;
    const [first, next] = [Math.floor((i * SLOTS) / masters), Math.floor(((i + 1) * SLOTS) / masters)];
    await client.call("CLUSTER", "ADDSLOTSRANGE", first, next - 1);
  }
  for (const client of clients.slice(1)) {
    for (const { node, bus } of members.slice(0, 1)) await client.call("CLUSTER", "MEET", "127.0.0.1", node.port, bus);
  }
  for (const [i, client] of clients.entries()) {
    if (i < masters) continue;
    const master = ids[i % masters] ?? "";
    await until("a replica is accepted", async () => (await client.cluster("REPLICATE", master)) === "OK");
  }
}

/** As this node sees them, in the order of their slots; none while it does not serve. */
export async function shardsOf({ client }: DataNode): Promise<Shard[]> {
  if (!String(await client.cluster("INFO")).includes("cluster_state:ok")) return [];
  const ranges = (await client.cluster("SLOTS")).map(([first, last, ...nodes]) => {
    const [master = 0, ...replicas] = nodes.map(([, port]) => port);
    return { first, last, master, replicas };
  });
  return ranges.sort((a, b) => a.first - b.first);
}
