import type { DataNode } from "./data-node.ts";
import { until } from "./until.ts";

/** A primary sends what it has at once, instead of waiting for more replicas to send it to. */
export const REPLICATION_ARGS = ["--repl-diskless-sync-delay", "0"];

/**
 * Cuts a primary's replicas off. The commands by which a replica asks for the data are forbidden to everyone, and its links
 * are then ended: they cannot be made again. Neither clients nor those who elect notice; a proxy in between would have to
 * be what the nodes announce themselves as, and clients would go through it as well.
 */
export async function cutReplicas({ client, port }: DataNode): Promise<void> {
  await client.acl("SETUSER", "default", "-psync", "-sync");
  await client.call("CLIENT", "KILL", "TYPE", "replica");
  await until(`${port} has no replicas`, async () => (await replicationOf({ client })).replicas === 0);
}

/** Undoes `cutReplicas`, on whatever the node is by now. */
export async function permitReplicas({ client }: DataNode): Promise<void> {
  await client.acl("SETUSER", "default", "+psync", "+sync");
}

export interface Replication {
  role: string;
  /** Of a replica: whom it follows, and whether it is in step. */
  primary: number;
  isLinked: boolean;
  /** Of a primary: how many follow it. */
  replicas: number;
}

export async function replicationOf({ client }: Pick<DataNode, "client">): Promise<Replication> {
  const info = await client.info("replication");
  const field = (name: string): string => new RegExp(`^${name}:(.*)\r$`, "m").exec(info)?.[1] ?? "";
  return {
    role: field("role"),
    primary: Number(field("master_port")),
    isLinked: field("master_link_status") === "up" && field("master_sync_in_progress") === "0",
    replicas: Number(field("connected_slaves")),
  };
}

/** Whether `replica` follows `primary` and is in step with it. */
export async function follows(replica: DataNode, primary: number): Promise<boolean> {
  const replication = await replicationOf(replica);
  return replication.role === "slave" && replication.primary === primary && replication.isLinked;
}
