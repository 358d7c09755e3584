import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { findValkey } from "@holdfast/stack/provision";
import { DataNode } from "./data-node.ts";
import { follows, REPLICATION_ARGS, replicationOf } from "./replication.ts";
import type { TopologyOptions } from "./topology.ts";
import { until } from "./until.ts";

export interface SwitchPlan {
  /** Milliseconds until the address leads to the new primary, while the old one refuses whoever came by it. */
  holdMs: number;
  /** Whoever was connected through the address has to connect again; else the old connections stay where they are. */
  cutsConnections: boolean;
  /** The old primary does not find the new one before `mend`: who stays with it hears of nothing. */
  isForsaken: boolean;
}

/** Two servers behind one plain address, as behind a name or a proxy, and an operator in the place of sentinels. */
export interface PairTopology {
  /** As `connectRedis` takes it: it tells nothing of there being two. */
  readonly url: string;
  /** The primary follows nobody that is there for a while, and is the primary again. Its clients stay connected. */
  demoteAndBack(holdMs: number): Promise<void>;
  /** The replica is promoted, its primary follows it, and after a while the address leads to it. */
  switchOver(plan: SwitchPlan): Promise<void>;
  /** Resolves when there is a primary at the address and a replica in step with it. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPair(options: TopologyOptions = {}): Promise<PairTopology> {
  const executable = options.executable ?? (await findValkey({ pinned: true }));
  const start = (args: string[]): Promise<DataNode> =>
    DataNode.start({ executable, persist: options.persist ?? false, args: [...REPLICATION_ARGS, ...args] });
  const primary = await start([]);
  const replica = await start(["--replicaof", "127.0.0.1", String(primary.port)]);
  const pair = new Pair(primary, replica, await Address.of(primary.port));
  await pair.mend();
  return pair;
}

class Pair implements PairTopology {
  readonly url: string;
  readonly #address: Address;
  #primary: DataNode;
  #replica: DataNode;

  constructor(primary: DataNode, replica: DataNode, address: Address) {
    this.#primary = primary;
    this.#replica = replica;
    this.#address = address;
    this.url = `redis://127.0.0.1:${address.port}`;
  }

  async demoteAndBack(holdMs: number): Promise<void> {
    // Nobody listens there, so it keeps what it has.
    await this.#primary.client.replicaof("127.0.0.1", "1");
    await sleep(holdMs);
    await this.#primary.client.replicaof("NO", "ONE");
  }

  async switchOver({ holdMs, cutsConnections, isForsaken }: SwitchPlan): Promise<void> {
    const [old, next] = [this.#primary, this.#replica];
    await next.client.replicaof("NO", "ONE");
    await old.client.replicaof("127.0.0.1", isForsaken ? "1" : String(next.port));
    [this.#primary, this.#replica] = [next, old];
    await sleep(holdMs);
    this.#address.lead(next.port);
    if (cutsConnections) this.#address.cut();
  }

  async mend(): Promise<void> {
    await this.#replica.client.replicaof("127.0.0.1", String(this.#primary.port));
    await until("a primary, and a replica in step with it", async () => {
      const isPrimary = (await replicationOf(this.#primary)).role === "master";
      return isPrimary && follows(this.#replica, this.#primary.port);
    });
  }

  async stop(): Promise<void> {
    await this.#address.close();
    await Promise.all([this.#primary.stop(), this.#replica.stop()]);
  }
}

/** A port that passes on what comes to another, and may be told to lead elsewhere. Connections that were made stay. */
class Address {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #target: { port: number };

  private constructor(port: number, server: Server, sockets: Set<Socket>, target: { port: number }) {
    this.port = port;
    this.#server = server;
    this.#sockets = sockets;
    this.#target = target;
  }

  static async of(port: number): Promise<Address> {
    const [sockets, target] = [new Set<Socket>(), { port }];
    const server = createServer((near) => {
      const far = connect(target.port, "127.0.0.1");
      const end = (): void => {
        for (const socket of [near, far]) {
          sockets.delete(socket);
          socket.destroy();
        }
      };
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on("error", end).on("close", end);
      }
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The address has no TCP port.");
    return new Address(address.port, server, sockets, target);
  }

  lead(port: number): void {
    this.#target.port = port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }
}
