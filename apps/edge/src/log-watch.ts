import type { RedisConnection } from "@holdfast/service/redis";

const POLL_INTERVAL_MS = 1_000;

export interface LogWatchListener {
  /** Redis is out of reach. */
  onLost(): void;
  /** It is back: what it holds is to be read again, and perhaps verified. */
  onBack(): void;
}

/**
 * Whether the session log is in reach (SPEC open-6). A closed connection tells at once; a server that hangs, or a network
 * that swallows packets, only by not answering.
 */
export class LogWatch {
  readonly #commands: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #listener: LogWatchListener;
  #isDegraded = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(commands: RedisConnection, subscriber: RedisConnection, listener: LogWatchListener) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#listener = listener;
  }

  get isDegraded(): boolean {
    return this.#isDegraded;
  }

  /** Resolves when the first look is done, in reach or not. */
  async start(): Promise<void> {
    for (const connection of [this.#commands, this.#subscriber]) connection.on("close", () => this.#lost());
    await this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const answers = await this.#answers();
    if (this.#isStopped) return;
    if (!answers) this.#lost();
    else if (this.#isDegraded && this.#subscriber.status === "ready") this.#back();
    this.#timer = setTimeout(() => void this.#look(), POLL_INTERVAL_MS);
  }

  /** Never rejects. The connection gives up a command by itself (see `connectRedis`). */
  async #answers(): Promise<boolean> {
    try {
      await ready(this.#commands);
      await this.#commands.ping();
      return true;
    } catch {
      return false;
    }
  }

  #lost(): void {
    if (this.#isDegraded || this.#isStopped) return;
    this.#isDegraded = true;
    this.#listener.onLost();
  }

  #back(): void {
    this.#isDegraded = false;
    this.#listener.onBack();
  }
}

/** A connection that is still being made would refuse commands; one that fails says so by `close`. */
async function ready(connection: RedisConnection): Promise<void> {
  if (connection.status !== "connecting" && connection.status !== "connect") return;
  await new Promise<void>((resolve) => {
    connection.once("ready", resolve);
    connection.once("close", resolve);
  });
}
