import type { SessionKey } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import type { LogReach } from "@holdfast/session-log";

const POLL_INTERVAL_MS = 1_000;
/** While something is away; the sooner its return is seen, the shorter the readers' wait. */
const LOST_INTERVAL_MS = 250;

export interface LogWatchListener {
  /** Some session's log is out of reach. */
  onLost(): void;
  /** One is back: what it holds is to be read again, and perhaps verified. */
  onBack(): void;
}

/** Whether session logs are in reach (SPEC open-6): asks now and then, and at once when a connection closes. */
export class LogWatch {
  readonly #reach: LogReach;
  readonly #redis: { commands: RedisConnection; subscriber: RedisConnection };
  readonly #listener: LogWatchListener;
  #told: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    reach: LogReach,
    redis: { commands: RedisConnection; subscriber: RedisConnection },
    listener: LogWatchListener,
  ) {
    this.#reach = reach;
    this.#redis = redis;
    this.#listener = listener;
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

  /** Resolves when the first look is done, in reach or not. */
  async start(): Promise<void> {
    const { commands, subscriber } = this.#redis;
    for (const connection of [commands, subscriber]) connection.on("close", () => this.#lose());
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
    this.#tell();
    this.#schedule(this.isDegraded ? LOST_INTERVAL_MS : POLL_INTERVAL_MS);
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
    this.#told = now;
    if (!isWithin(now, before)) this.#listener.onLost();
    if (!isWithin(before, now)) this.#listener.onBack();
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
