import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "./log.ts";
import { redisAddressOf } from "./redis-address.ts";
import { warnOfEviction } from "./redis-policy.ts";

export type RedisConnection = Redis | Cluster;

/** `fleet`: subscribes as well, by the connection itself; what needs `subscriber` finds its own way through a Cluster. */
export type RedisRole = "commands" | "subscriber" | "fleet";

/**
 * Connects as the URL's scheme says (see `redisConfigShape`). Redis is a disposable cache here, so commands fail fast
 * while it is away (no offline queue, short timeouts): a caller that waited for Redis would make it the truth.
 */
export function connectRedis(url: string, log: Logger, role: RedisRole): RedisConnection {
  const connection = open(url, role);
  let down = false;
  connection.on("error", (error: Error) => {
    if (!down) log.warn({ err: error, role }, "redis is out of reach");
    down = true;
  });
  connection.on("ready", () => {
    if (down) log.info({ role }, "redis is back");
    down = false;
  });
  // Of a process's connections one is enough to tell, and a start is when somebody reads it.
  if (role === "commands") connection.once("ready", () => void warnOfEviction(connection, log));
  return connection;
}

/** What a server answers that was a primary when the connection to it was made, and is none any more. */
const IS_REPLICA = /\b(?:READONLY|MASTERDOWN)\b/;
const LEAVE_INTERVAL_MS = 1_000;

/**
 * A primary that becomes a replica keeps its clients' connections, and refuses what they write for as long as they stay. Where
 * the address leads to another server by now (a name, a proxy, a sentinel's word), it is found by connecting again; where
 * not, that is tried no more often than it costs nothing.
 */
function leavesReplicas(): (error: Error) => boolean {
  let leftAt = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    const now = performance.now();
    if (!IS_REPLICA.test(message) || now - leftAt < LEAVE_INTERVAL_MS) return false;
    leftAt = now;
    return true;
  };
}

function open(url: string, role: RedisRole): RedisConnection {
  const options = {
    enableOfflineQueue: role !== "commands",
    maxRetriesPerRequest: 0,
    connectTimeout: 3_000,
    commandTimeout: role === "commands" ? 2_000 : 10_000,
    // A server that hangs keeps its connections. Were this one kept too, every command would wait its whole timeout, and
    // every turn several of them; ended, it fails them at once until the server answers a new connection. Longer than a
    // command's, or a busy moment of this process's own would end a connection to a server that has answered.
    socketTimeout: role === "commands" ? 5_000 : 10_000,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000) * (0.5 + Math.random() / 2),
    // Whoever subscribes does it again at `ready`: ioredis would not await its own SSUBSCRIBE, and a connection that breaks
    // during it is then an unhandled rejection, which ends the process.
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
  } satisfies RedisOptions;
  const address = redisAddressOf(url);
  if (address === undefined) throw new Error("HOLDFAST_REDIS_URL names no Redis.");
  if (address.kind === "cluster") {
    return new Cluster(address.nodes, {
      // With the credentials: whoever makes connections of his own to the nodes has nothing else to make them from.
      redisOptions: { ...options, ...address.credentials },
      shardedSubscribers: role === "fleet",
      enableOfflineQueue: role !== "commands",
      // A master that hangs is replaced without a word to its clients: only the other nodes tell of it.
      slotsRefreshInterval: role === "fleet" ? 10_000 : 2_000,
      // retryDelay × redirections must outlast an election (about 2 s with a 1 s node timeout).
      retryDelayOnFailover: 250,
      maxRedirections: 16,
    });
  }
  if (address.kind === "sentinel") {
    const { sentinels, name, credentials } = address;
    // A sentinel that hangs must not be waited for: there are others. (And never a `sentinelReconnectStrategy`: ioredis would
    // subscribe again without awaiting it, see `autoResubscribe`.)
    const connection = new SentinelRedis({
      ...options,
      reconnectOnError: leavesReplicas(),
      ...credentials,
      sentinels,
      name,
      failoverDetector: true,
      sentinelCommandTimeout: 2_000,
    });
    connection.on("end", () => setTimeout(() => connection.comeBack(), 50 + Math.random() * 200));
    return connection;
  }
  return new Redis(address.url, { ...options, reconnectOnError: leavesReplicas() });
}

/**
 * A connection that ends only when it is told to. ioredis gives up for good (`end`, without asking `retryStrategy`) when the
 * sentinels' word of a failover comes while it is asking them for the primary, which is when that word comes.
 */
class SentinelRedis extends Redis {
  #isToldToEnd = false;

  override disconnect(reconnect = false): void {
    if (!reconnect) this.#isToldToEnd = true;
    super.disconnect(reconnect);
  }

  comeBack(): void {
    if (this.#isToldToEnd || this.status !== "end") return;
    // A failure is told by `error`, and by `close` or another `end`.
    this.connect().catch(() => {});
  }
}

/**
 * Resolves when the connection is ready, or after `withinMs`: commands sent before fail at once (see `connectRedis`), which a
 * process that has only just started can avoid by waiting for a moment, and for no longer.
 */
export async function redisReady(connection: RedisConnection, withinMs: number): Promise<void> {
  if (connection.status === "ready") return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      connection.off("ready", settle);
      resolve();
    };
    const timer = setTimeout(settle, withinMs);
    connection.once("ready", settle);
  });
}
