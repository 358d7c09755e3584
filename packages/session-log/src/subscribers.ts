import { Cluster, Redis } from "ioredis";
import { layoutOf, masterOf, mastersOf } from "./keys.ts";

const HEARTBEAT_MS = 5_000;

export interface SubscribersListener {
  onMessage(channel: string, message: string): void;
  /** The connection has lost its subscriptions, or some of them. */
  onLost(connection: Redis): void;
  /** A channel may belong on another connection now, or a lost connection is back. */
  onChange(): void;
}

/** The connections on which channels are subscribed: the one to a single server, or one to each master of a Cluster. */
export interface Subscribers {
  readonly isEnded: boolean;
  /** The connection on which `channel` is to be subscribed now; undefined while no server is known for it. */
  of(channel: string): Redis | undefined;
  /** Asks anew which master serves which slots; calls `onChange` when it knows. */
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
 * ioredis has subscribers of its own for a Cluster. While a master is away they subscribe every channel of all the other masters
 * again several times a second, and they wait for ever on a master that hangs. Here the loss of a connection concerns only its own
 * channels, and they leave a master as soon as the Cluster says that it was replaced.
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
    // A command sent while it waits to reconnect would only be refused after that wait.
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
    // Other users of the Cluster report it. Without a listener ioredis would print it.
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
      // A connection that hangs closes only after a while.
      this.#listener.onLost(connection);
    }
  }
}

function listenTo(connection: Redis, listener: SubscribersListener): void {
  // The follower subscribes again. ioredis would not await it, and a connection that breaks meanwhile would be an unhandled
  // rejection, which ends the process.
  connection.options.autoResubscribe = false;
  connection.on("smessage", (channel: string, message: string) => listener.onMessage(channel, message));
  connection.on("close", () => listener.onLost(connection));
  heartbeat(connection);
  connection.on("ready", () => listener.onChange());
  // The server ended the subscriptions of slots it has given away. It does not say which; subscribing the others again is harmless.
  connection.on("moved", () => {
    listener.onLost(connection);
    listener.onChange();
  });
}

/**
 * Asks a connection that only listens for a sign of life, again and again: otherwise it would never show that it hangs or leads
 * nowhere. If no answer comes, the connection's `socketTimeout` ends it; that runs only while an answer is due.
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
