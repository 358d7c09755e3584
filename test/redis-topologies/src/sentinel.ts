import { findValkey } from "@holdfast/stack/provision";
import { DataNode } from "./data-node.ts";
import { cutReplicas, follows, permitReplicas, replicationOf, REPLICATION_ARGS } from "./replication.ts";
import { NAME, SentinelProcess } from "./sentinel-process.ts";
import type { Failover, Topology, TopologyOptions } from "./topology.ts";
import { until } from "./until.ts";

export type SentinelOptions = TopologyOptions;

export interface SentinelTopology extends Topology {
  /** Port of the node most sentinels take for the primary. */
  primary(): Promise<number>;
  /** SIGKILL. */
  killPrimary(): Promise<Failover>;
  /** SIGSTOP: it keeps its clients' connections, and answers nothing until `wake` or `mend`. */
  hangPrimary(): Promise<Failover>;
}

const REPLICAS = 2;
const SENTINELS = 3;
const QUORUM = 2;

/** A primary, two replicas in step with it, and three sentinels that know them and each other. Takes about 4 s. */
export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelTopology> {
  const executable = options.executable ?? (await findValkey({ pinned: true }));
  const nodes: DataNode[] = [];
  const sentinels: SentinelProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const addNode = async (args: string[]): Promise<DataNode> => {
    const started = { executable, persist: options.persist ?? false, args: [...REPLICATION_ARGS, ...args] };
    const node = await DataNode.start(started);
    nodes.push(node);
    return node;
  };
  try {
    const { port } = await addNode([]);
    for (let i = 0; i < REPLICAS; i++) await addNode(["--replicaof", "127.0.0.1", String(port)]);
    for (let i = 0; i < SENTINELS; i++) sentinels.push(await SentinelProcess.start(executable, port, QUORUM));
    const topology = new SentinelGroup(nodes, sentinels, stop);
    await topology.untilWhole();
    return topology;
  } catch (error) {
    await stop();
    throw error;
  }
}

class SentinelGroup implements SentinelTopology {
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly #nodes: readonly DataNode[];
  readonly #sentinels: readonly SentinelProcess[];

  constructor(nodes: readonly DataNode[], sentinels: readonly SentinelProcess[], stop: () => Promise<void>) {
    this.#nodes = nodes;
    this.#sentinels = sentinels;
    this.stop = stop;
    this.url = `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${NAME}`;
  }

  async primary(): Promise<number> {
    const votes = (await this.#votes()).sort((a, b) => a - b);
    return votes[Math.floor(votes.length / 2)] ?? 0;
  }

  async cutReplication(): Promise<void> {
    await cutReplicas(this.#nodeAt(await this.primary()));
  }

  async killPrimary(): Promise<Failover> {
    return this.#failOver((node) => node.kill());
  }

  async hangPrimary(): Promise<Failover> {
    return this.#failOver((node) => node.hang());
  }

  wake(): void {
    for (const node of this.#nodes) node.wake();
  }

  async mend(): Promise<void> {
    const primary = await this.primary();
    const replicaof = ["127.0.0.1", String(primary)] as const;
    this.wake();
    for (const node of this.#nodes) {
      await node.revive(["--replicaof", ...replicaof]);
      await permitReplicas(node);
      // The sentinels would do it, after 10 s in which they make sure that it is wanted.
      if (node.port !== primary) await node.client.replicaof(...replicaof);
    }
    await this.untilWhole();
  }

  async untilWhole(): Promise<void> {
    await until("a primary, two replicas in step, three content sentinels", async () => {
      const [primary = 0, ...others] = await this.#votes();
      if (others.some((vote) => vote !== primary)) return false;
      const replicas = this.#nodes.filter(({ port }) => port !== primary);
      const inStep = await Promise.all(replicas.map((replica) => follows(replica, primary)));
      const content = await Promise.all(this.#sentinels.map((one) => one.isContent(REPLICAS, SENTINELS - 1)));
      return [...inStep, ...content].every(Boolean);
    });
  }

  async #failOver(strike: (node: DataNode) => Promise<void> | void): Promise<Failover> {
    const lost = await this.primary();
    await strike(this.#nodeAt(lost));
    let promoted = lost;
    await until("the sentinels agree on a new primary, which takes writes", async () => {
      const [primary = lost, ...others] = await this.#votes();
      if (primary === lost || others.some((vote) => vote !== primary)) return false;
      promoted = primary;
      return (await replicationOf(this.#nodeAt(primary))).role === "master";
    });
    return { lost, promoted };
  }

  #votes(): Promise<number[]> {
    return Promise.all(this.#sentinels.map((sentinel) => sentinel.primary()));
  }

  #nodeAt(port: number): DataNode {
    const node = this.#nodes.find((candidate) => candidate.port === port);
    if (node === undefined) throw new Error(`No node of this topology has port ${port}.`);
    return node;
  }
}
