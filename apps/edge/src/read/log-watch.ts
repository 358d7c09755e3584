import type { SessionKey } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import type { LogReach } from "@holdfast/session-log";
import { Cluster } from "ioredis";

const POLL_INTERVAL_MS = 1_000;
/** While a server is away: the sooner its return is seen, the shorter the readers' wait. */
const LOST_INTERVAL_MS = 250;

/** Stands for a server that was replaced between two looks. */
const REPLACED = "replaced";

export interface LogWatchDeps {
  /** Some session's log is out of reach. */
  onLost(): void;
  /** Some session's log is in reach again: it is to be read again, and perhaps verified. */
  onBack(): void;
}

/** For so long after its return a log may lack frames whose writes were refused. Its workflow repairs it within seconds. */
const DOUBT_MS = 10_000;

/** An edge's connections to Redis. All but `commands` only listen. */
export interface EdgeConnections {
  readonly commands: RedisConnection;
  readonly subscriber: RedisConnection;
  readonly fleet: RedisConnection;
}

/** Whether session logs can be read and written (SPEC open-6). It asks once a second, and at once when a connection closes. */
export class LogWatch {
  readonly #reach: LogReach;
  readonly #redis: EdgeConnections;
  readonly #deps: LogWatchDeps;
  /** The servers that were away when `onLost` and `onBack` were last decided. */
  #toldAway: ReadonlySet<string> = new Set();
  /** When a server was last away. */
  #awayAt = Number.NEGATIVE_INFINITY;
  /** The subscriber has connected since the last look, so it is at the server of now. */
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

  /** Every session's log is out of reach. */
  get isGone(): boolean {
    return this.#reach.isGone;
  }

  isAway(key: SessionKey): boolean {
    return this.#reach.isAway(key);
  }

  /** Writes were refused a moment ago. So a log may be older than its workflow, although it lost no write that it had acknowledged. */
  get isDoubtful(): boolean {
    return this.isDegraded || performance.now() - this.#awayAt < DOUBT_MS;
  }

  /** Resolves when the first look is done, in reach or not. */
  async start(): Promise<void> {
    const { commands, subscriber } = this.#redis;
    for (const connection of [commands, subscriber]) connection.on("close", () => this.#connectionClosed());
    subscriber.on("ready", () => {
      this.#isSubscriberNew = true;
    });
    // A Cluster has lost the connection to one of its nodes.
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
    if (this.#toldAway.size > 0 && this.#redis.subscriber.status !== "ready") this.#reach.lose();
    if (this.#reach.wasReplaced) this.#onReplaced();
    this.#isSubscriberNew = false;
    this.#tell();
    this.#schedule(this.isDegraded ? LOST_INTERVAL_MS : POLL_INTERVAL_MS);
  }

  /**
   * Another server answers than at the look before, or the same one was a replica in between. Connections that only listen are not
   * told. They may listen at a server that publishes nothing any more, so they are made anew.
   */
  #onReplaced(): void {
    const { subscriber, fleet } = this.#redis;
    if (!(subscriber instanceof Cluster) && !this.#isSubscriberNew) {
      for (const connection of [subscriber, fleet]) connection.disconnect(true);
    }
    // Acknowledged writes may be gone. So the next decision finds a server that is back.
    this.#toldAway = new Set([...this.#toldAway, REPLACED]);
  }

  #connectionClosed(): void {
    this.#reach.lose();
    this.#tell();
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), inMs);
  }

  #tell(): void {
    if (this.#isStopped) return;
    const [before, now] = [this.#toldAway, this.#reach.away];
    if (before.size + now.size > 0) this.#awayAt = performance.now();
    this.#toldAway = now;
    if (!isWithin(now, before)) this.#deps.onLost();
    if (!isWithin(before, now)) this.#deps.onBack();
  }
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((name) => all.has(name));
}

/** Waits for a connection that is being made, which would refuse commands; if that fails, it closes. */
async function ready(connection: RedisConnection): Promise<void> {
  if (connection.status !== "connecting" && connection.status !== "connect") return;
  await new Promise<void>((resolve) => {
    connection.once("ready", resolve);
    connection.once("close", resolve);
  });
}
