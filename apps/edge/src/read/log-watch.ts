import type { SessionKey } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import type { LogReach } from "@holdfast/session-log";
import { Cluster } from "ioredis";

const POLL_INTERVAL_MS = 1_000;
/** While something is away; the sooner its return is seen, the shorter the readers' wait. */
const LOST_INTERVAL_MS = 250;

/** Stands for a server that is there again before anybody noticed that it was not. */
const REPLACED = "replaced";

export interface LogWatchDeps {
  /** Some session's log is out of reach. */
  onLost(): void;
  /** One is back: what it holds is to be read again, and perhaps verified. */
  onBack(): void;
}

/** For so long after its return what the log was refused may be missing in it: its workflows mend that within seconds. */
const DOUBT_MS = 10_000;

/** An edge's connections; all but `commands` listen. */
export interface EdgeConnections {
  readonly commands: RedisConnection;
  readonly subscriber: RedisConnection;
  readonly fleet: RedisConnection;
}

/**
 * Whether session logs are in reach, to be read and to be written (SPEC open-6): asks now and then, and at once when a
 * connection closes.
 */
export class LogWatch {
  readonly #reach: LogReach;
  readonly #redis: EdgeConnections;
  readonly #deps: LogWatchDeps;
  #told: ReadonlySet<string> = new Set();
  #awayAt = Number.NEGATIVE_INFINITY;
  /** The subscriber was connected since the last look: it went where the others go. */
  #isSubscriberNew = true;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(reach: LogReach, redis: EdgeConnections, deps: LogWatchDeps) {
    this.#reach = reach;
    this.#redis = redis;
    this.#deps = deps;
  }

  /** Some session's log is out of reach. */
  get isDegraded(): boolean {
    return this.#reach.away.size > 0;
  }

  /** Every session's log is. */
  get isGone(): boolean {
    return this.#reach.isGone;
  }

  isAway(key: SessionKey): boolean {
    return this.#reach.isAway(key);
  }

  /**
   * Writes were refused, or lost, a moment ago: what the log holds may be older than what is durable, though nothing was lost
   * that it had acknowledged.
   */
  get isDoubtful(): boolean {
    return this.isDegraded || performance.now() - this.#awayAt < DOUBT_MS;
  }

  /** Resolves when the first look is done, in reach or not. */
  async start(): Promise<void> {
    const { commands, subscriber } = this.#redis;
    for (const connection of [commands, subscriber]) connection.on("close", () => this.#lose());
    subscriber.on("ready", () => {
      this.#isSubscriberNew = true;
    });
    // Of a Cluster: the connection to one node has ended.
    commands.on("-node", () => {
      if (!this.isDegraded) this.#schedule(0);
    });
    await this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    await ready(this.#redis.commands);
    await this.#reach.look();
    if (this.#told.size > 0 && this.#redis.subscriber.status !== "ready") this.#reach.lose();
    if (this.#reach.wasReplaced) this.#onReplaced();
    this.#isSubscriberNew = false;
    this.#tell();
    this.#schedule(this.isDegraded ? LOST_INTERVAL_MS : POLL_INTERVAL_MS);
  }

  /**
   * Another server has taken the place of the one that was asked before, or the same one was a replica in between. Whoever only
   * listens is told nothing of that, and may listen where nothing is said any more.
   */
  #onReplaced(): void {
    const { subscriber, fleet } = this.#redis;
    if (!(subscriber instanceof Cluster) && !this.#isSubscriberNew) {
      for (const connection of [subscriber, fleet]) connection.disconnect(true);
    }
    // What it acknowledged may be gone, whatever was noticed of it.
    this.#told = new Set([...this.#told, REPLACED]);
  }

  #lose(): void {
    this.#reach.lose();
    this.#tell();
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), inMs);
  }

  #tell(): void {
    if (this.#isStopped) return;
    const [before, now] = [this.#told, this.#reach.away];
    if (before.size + now.size > 0) this.#awayAt = performance.now();
    this.#told = now;
    if (!isWithin(now, before)) this.#deps.onLost();
    if (!isWithin(before, now)) this.#deps.onBack();
  }
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((name) => all.has(name));
}

/** A connection that is still being made would refuse commands; one that fails says so by `close`. */
async function ready(connection: RedisConnection): Promise<void> {
  if (connection.status !== "connecting" && connection.status !== "connect") return;
  await new Promise<void>((resolve) => {
    connection.once("ready", resolve);
    connection.once("close", resolve);
  });
}
