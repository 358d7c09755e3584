import { Cluster, Redis } from "ioredis";
import { layoutOf, masterOf, mastersOf } from "./keys.ts";

const HEARTBEAT_MS = 5_000;

export interface SubscribersListener {
  onMessage(channel: string, message: string): void;
  /** Nothing is subscribed on this connection any more, or not everything. */
  onLost(connection: Redis): void;
  /** Another connection may be the one for a channel, or one that was lost is back. */
  onChange(): void;
}

/** The connections on which channels are subscribed: the one to a single server, or one to each master of a Cluster. */
export interface Subscribers {
  readonly isEnded: boolean;
  /** Where `channel` is to be subscribed now; undefined while there is nobody to subscribe it at. */
  of(channel: string): Redis | undefined;
  /** Looks anew who serves what; `onChange` tells when that is known. */
  refresh(): void;
}

export function subscribersOf(subscriber: Redis | Cluster, listener: SubscribersListener): Subscribers {
  return subscriber instanceof Cluster
    ? new ClusterSubscribers(subscriber, listener)
    : new SingleSubscriber(subscriber, listener);
}

class SingleSubscriber implements Subscribers {
  readonly #connection: Redis;

  constructor(connection: Redis, listener: SubscribersListener) {
    this.#connection = connection;
    listenTo(connection, listener);
  }

  get isEnded(): boolean {
    return this.#connection.status === "end";
  }

  of(): Redis {
    return this.#connection;
  }

  refresh(): void {}
}

/**
 * ioredis has subscribers of its own for a Cluster. While a master is away they subscribe every channel of every other
 * master again several times a second, and from one that hangs they wait for messages for ever. Here a connection that is
 * lost concerns only its own channels, and a master that was replaced is left as soon as the Cluster says so.
 */
class ClusterSubscribers implements Subscribers {
  readonly #cluster: Cluster;
  readonly #listener: SubscribersListener;
  /** By host:port. */
  readonly #connections = new Map<string, Redis>();
  #layout = "";

  constructor(cluster: Cluster, listener: SubscribersListener) {
    this.#cluster = cluster;
    this.#listener = listener;
    cluster.on("refresh", () => this.#compare());
    cluster.on("end", () => {
      for (const connection of this.#connections.values()) connection.disconnect();
    });
  }

  get isEnded(): boolean {
    return this.#cluster.status === "end";
  }

  of(channel: string): Redis | undefined {
    const master = masterOf(this.#cluster, channel);
    if (master === undefined || this.isEnded) return undefined;
    const connection = this.#connections.get(master) ?? this.#connect(master);
    // What is sent while it waits to connect again would only be refused after that wait.
    return connection.status === "reconnecting" || connection.status === "close" ? undefined : connection;
  }

  refresh(): void {
    if (this.#cluster.status === "ready") this.#cluster.refreshSlotsCache();
  }

  #connect(master: string): Redis {
    const colon = master.lastIndexOf(":");
    const [host, port] = [master.slice(0, colon), Number(master.slice(colon + 1))];
    const { replyMapping = "legacy", ...options } = this.#cluster.options.redisOptions ?? {};
    const connection = new Redis(port, host, { ...options, replyMapping });
    this.#connections.set(master, connection);
    // Said by whoever else uses the Cluster; without a listener it is printed.
    connection.on("error", () => {});
    connection.on("close", () => this.refresh());
    listenTo(connection, this.#listener);
    return connection;
  }

  #compare(): void {
    const layout = layoutOf(this.#cluster);
    if (layout === this.#layout) return;
    this.#layout = layout;
    this.#leaveReplaced();
    this.#listener.onChange();
  }

  #leaveReplaced(): void {
    const masters = mastersOf(this.#cluster);
    for (const [master, connection] of this.#connections) {
      if (masters.has(master)) continue;
      this.#connections.delete(master);
      connection.disconnect();
      // One that hangs closes only after a while.
      this.#listener.onLost(connection);
    }
  }
}

function listenTo(connection: Redis, listener: SubscribersListener): void {
  // Subscribing again is the follower's job, also on a connection made elsewhere: ioredis would not await it, and a
  // connection that breaks meanwhile is then an unhandled rejection, which ends the process.
  connection.options.autoResubscribe = false;
  connection.on("smessage", (channel: string, message: string) => listener.onMessage(channel, message));
  connection.on("close", () => listener.onLost(connection));
  heartbeat(connection);
  connection.on("ready", () => listener.onChange());
  // The server ended subscriptions of slots it has given away. Which is not said; to subscribe the others again is harmless.
  connection.on("moved", () => {
    listener.onLost(connection);
    listener.onChange();
  });
}

/**
 * Asks a connection that only listens for a sign of life, for as long as there is one: that it hangs, or leads nowhere, would
 * never show. Without an answer the connection's `socketTimeout`, which runs only while something was asked, ends it.
 */
export function heartbeat(connection: Redis): void {
  let timer: NodeJS.Timeout | undefined;
  const beat = (): void => {
    clearInterval(timer);
    timer = setInterval(() => void connection.ping().catch(() => {}), HEARTBEAT_MS).unref();
  };
  if (connection.status === "ready") beat();
  connection.on("ready", beat);
  connection.on("close", () => clearInterval(timer));
}
