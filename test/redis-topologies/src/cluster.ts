import { freePort } from "@holdfast/stack/ports";
import { findValkey } from "@holdfast/stack/provision";
import { joinCluster, type Member, type Shard, shardsOf, SLOTS } from "./cluster-state.ts";
import { DataNode } from "./data-node.ts";
import { cutReplicas, follows, permitReplicas, REPLICATION_ARGS } from "./replication.ts";
import type { Failover, Topology, TopologyOptions } from "./topology.ts";
import { until } from "./until.ts";

export interface ClusterOptions extends TopologyOptions {
  /** Of each of the three masters; default 1. Without any, nothing is replaced, and it starts sooner. */
  replicas?: 0 | 1;
  /** Silence after which a node counts as failed; default 1,000. */
  nodeTimeoutMs?: number;
  /** As by default: while one part has no master, every node refuses. Otherwise the other parts serve on. */
  requireFullCoverage?: boolean;
}

export interface ClusterTopology extends Topology {
  /** Ports of the nodes that run, masters and replicas. */
  ports(): number[];
  /** Ports of the masters, in the order of their slots. */
  masters(): Promise<number[]>;
  /** The slot (0 to 16,383) a key belongs to. */
  slotOf(key: string): Promise<number>;
  /** SIGKILL of the master that serves `slot`; any number will do, it is taken modulo 16,384. */
  killMaster(slot: number): Promise<Failover>;
  /** SIGSTOP: it keeps its clients' connections, and answers nothing until `wake` or `mend`. */
  hangMaster(slot: number): Promise<Failover>;
}

const MASTERS = 3;

/** Three masters that share the slots, and a replica in step with each. Takes about 6 s, or 3 without replicas. */
export async function startCluster(options: ClusterOptions = {}): Promise<ClusterTopology> {
  const executable = options.executable ?? (await findValkey({ pinned: true }));
  const replicas = options.replicas ?? 1;
  const members: Member[] = [];
  const nodes = (): DataNode[] => members.map(({ node }) => node);
  const stop = async (): Promise<void> => {
    await Promise.all(nodes().map((node) => node.stop()));
  };
  try {
    for (let i = 0; i < MASTERS * (1 + replicas); i++) {
      // The default one, 10,000 above the node's port, may not exist.
      const bus = await freePort();
      const args = [...REPLICATION_ARGS, ...clusterArguments(bus, options)];
      members.push({ bus, node: await DataNode.start({ executable, persist: options.persist ?? false, args }) });
    }
    await joinCluster(members, MASTERS);
    const topology = new ClusterGroup(nodes(), stop);
    await topology.untilWhole();
    return topology;
  } catch (error) {
    await stop();
    throw error;
  }
}

function clusterArguments(
  bus: number,
  { nodeTimeoutMs = 1_000, requireFullCoverage = true }: ClusterOptions,
): string[] {
  const coverage = { "require-full-coverage": requireFullCoverage ? "yes" : "no" };
  const flags = { enabled: "yes", port: bus, "node-timeout": nodeTimeoutMs, ...coverage };
  // However long a replica was cut off, it may be elected; and each stays with the master it was given.
  const election = { "replica-validity-factor": 0, "allow-replica-migration": "no" };
  return Object.entries({ ...flags, ...election }).flatMap(([flag, value]) => [`--cluster-${flag}`, String(value)]);
}

class ClusterGroup implements ClusterTopology {
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly #nodes: readonly DataNode[];

  constructor(nodes: readonly DataNode[], stop: () => Promise<void>) {
    this.#nodes = nodes;
    this.stop = stop;
    this.url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  ports(): number[] {
    return this.#running().map(({ port }) => port);
  }

  async masters(): Promise<number[]> {
    return (await this.#shards()).map(({ master }) => master);
  }

  async slotOf(key: string): Promise<number> {
    const [node] = this.#running();
    return Number(await node?.client.cluster("KEYSLOT", key));
  }

  async cutReplication(): Promise<void> {
    for (const port of await this.masters()) await cutReplicas(this.#nodeAt(port));
  }

  async killMaster(slot: number): Promise<Failover> {
    return this.#failOver(slot, (node) => node.kill());
  }

  async hangMaster(slot: number): Promise<Failover> {
    return this.#failOver(slot, (node) => node.hang());
  }

  wake(): void {
    for (const node of this.#nodes) node.wake();
  }

  async mend(): Promise<void> {
    this.wake();
    for (const node of this.#nodes) {
      await node.revive([]);
      await permitReplicas(node);
    }
    await this.untilWhole();
  }

  async untilWhole(): Promise<void> {
    const replicas = this.#nodes.length - MASTERS;
    await until("every slot served, every replica in step", async () => {
      const views = await Promise.all(this.#nodes.map(shardsOf));
      if (!views.every((shards) => isWhole(shards, replicas / MASTERS))) return false;
      const links = (views[0] ?? []).flatMap(({ master, replicas }) => replicas.map((port) => ({ port, master })));
      const inStep = await Promise.all(links.map(({ port, master }) => follows(this.#nodeAt(port), master)));
      return inStep.every(Boolean);
    });
  }

  async #failOver(slot: number, strike: (node: DataNode) => Promise<void> | void): Promise<Failover> {
    const wanted = slot % SLOTS;
    const lost = masterOf(await this.#shards(), wanted);
    await strike(this.#nodeAt(lost));
    let promoted = lost;
    await until(`every other node knows a new master of slot ${wanted}`, async () => {
      const views = await Promise.all(this.#running().map(shardsOf));
      const [master = lost, ...others] = views.map((shards) => masterOf(shards, wanted));
      promoted = master;
      return master !== lost && others.every((other) => other === master);
    });
    return { lost, promoted };
  }

  async #shards(): Promise<Shard[]> {
    const [node] = this.#running();
    return node === undefined ? [] : shardsOf(node);
  }

  #running(): DataNode[] {
    return this.#nodes.filter(({ isUp }) => isUp);
  }

  #nodeAt(port: number): DataNode {
    const node = this.#nodes.find((candidate) => candidate.port === port);
    if (node === undefined) throw new Error(`No node of this cluster has port ${port}.`);
    return node;
  }
}

function isWhole(shards: readonly Shard[], replicas: number): boolean {
  return shards.length === MASTERS && shards.every((shard) => shard.replicas.length === replicas);
}

function masterOf(shards: readonly Shard[], slot: number): number {
  const shard = shards.find(({ first, last }) => first <= slot && slot <= last);
  if (shard === undefined) throw new Error(`No master serves slot ${slot}.`);
  return shard.master;
}
