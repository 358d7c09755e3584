import type { LogFrame, SessionKey } from "@holdfast/contract";
import { Cluster, type Redis } from "ioredis";
import { frameOfMessage } from "./entry.ts";
import { FeedChannel, type Listener } from "./feed-channel.ts";
import { feedOf } from "./keys.ts";

const RETRY_MS = 500;

/**
 * Live frames of many sessions over one connection by sharded pub/sub. Pub/sub may lose messages and says nothing of it:
 * a follower checks the chain (chain-1) and reads what is missing from the log.
 */
export class LogFollower {
  readonly #subscriber: Redis | Cluster;
  readonly #channels = new Map<string, FeedChannel>();
  readonly #interrupted = new Set<() => void>();
  readonly #onError: (error: unknown) => void;
  /** Counts losses of the connection, so that a recovery can tell whether another came while it was at work. */
  #losses = 0;
  #recovering = false;

  /**
   * `subscriber`: a connection of its own; this class decides what it is subscribed to. `onError` hears what nobody awaits:
   * a listener that threw, a message that is no frame.
   */
  constructor(subscriber: Redis | Cluster, onError: (error: unknown) => void = warn) {
    this.#subscriber = subscriber;
    this.#onError = onError;
    subscriber.on("smessage", (channel: string, message: string) => this.#deliver(channel, message));
    if (subscriber instanceof Cluster) {
      // Emitted after connections to nodes were replaced, whether one was lost or slots have moved.
      subscriber.on("subscribersReady", () => this.#lose());
    } else {
      // Subscribing again is this class's job, also on a connection made elsewhere: ioredis would not await it, and a
      // connection that breaks meanwhile is then an unhandled rejection, which ends the process.
      subscriber.options.autoResubscribe = false;
      subscriber.on("close", () => this.#lose());
      subscriber.on("ready", () => this.#startRecovery());
    }
  }

  /** Sessions that are followed, and those whose end Redis has not acknowledged yet. */
  get size(): number {
    return this.#channels.size;
  }

  /**
   * Calls `onFrame` with every frame published from the acknowledgement on, in order; perhaps already before this resolves.
   * Resolves to the function that ends it, which never rejects. Rejects when Redis did not acknowledge: then nothing follows,
   * and the caller tries again. A connection lost later is mended without the caller (see `onInterrupted`).
   */
  async follow(key: SessionKey, onFrame: (frame: LogFrame) => void): Promise<() => Promise<void>> {
    const name = feedOf(key);
    const channel = this.#channels.get(name) ?? this.#open(name);
    const listener: Listener = { onFrame };
    channel.listeners.add(listener);
    try {
      await channel.settle();
    } catch (error) {
      await this.#leave(name, channel, listener);
      throw error;
    }
    return () => this.#leave(name, channel, listener);
  }

  /** `listener` hears that the connection was lost and is back, with every subscription: what was missed must be re-read. */
  onInterrupted(listener: () => void): void {
    this.#interrupted.add(listener);
  }

  #open(name: string): FeedChannel {
    const channel = new FeedChannel({
      subscribe: () => this.#subscribe(name),
      unsubscribe: async () => this.#subscriber.sunsubscribe(name),
    });
    this.#channels.set(name, channel);
    return channel;
  }

  async #subscribe(name: string): Promise<void> {
    // ioredis's Cluster notes a channel anew at each SSUBSCRIBE and would send ever longer lists after each loss.
    if (this.#losses > 0 && this.#subscriber instanceof Cluster) await this.#subscriber.sunsubscribe(name);
    await this.#subscriber.ssubscribe(name);
  }

  async #leave(name: string, channel: FeedChannel, listener: Listener): Promise<void> {
    if (!channel.listeners.delete(listener)) return;
    try {
      await channel.settle();
    } catch {
      // A connection that does not answer has lost its subscriptions, or will deliver what nobody listens to.
    }
    if (channel.listeners.size === 0 && this.#channels.get(name) === channel) this.#channels.delete(name);
  }

  #deliver(name: string, message: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.listeners.size === 0) return;
    const frame = frameOfMessage(message);
    if (frame === undefined) {
      this.#onError(new Error(`A message on ${name} is not a frame.`));
      return;
    }
    for (const { onFrame } of channel.listeners) this.#call(() => onFrame(frame));
  }

  #lose(): void {
    this.#losses++;
    for (const channel of this.#channels.values()) channel.lost();
    if (this.#subscriber instanceof Cluster) this.#startRecovery();
  }

  #startRecovery(): void {
    if (this.#losses === 0 || this.#recovering) return;
    this.#recovering = true;
    void this.#recover().finally(() => {
      this.#recovering = false;
    });
  }

  /**
   * Subscribes to everything again, however often the connection is lost meanwhile. Says so after each round that mended
   * something: one node of a Cluster that stays away must not keep the others' readers waiting. Never rejects.
   */
  async #recover(): Promise<void> {
    while (this.#subscriber.status !== "end") {
      const losses = this.#losses;
      const settled = await Promise.allSettled([...this.#channels.values()].map((channel) => channel.settle()));
      if (settled.some((round) => round.status === "fulfilled" && round.value)) this.#announce();
      if (losses === this.#losses && settled.every(({ status }) => status === "fulfilled")) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
  }

  #announce(): void {
    for (const listener of this.#interrupted) this.#call(listener);
  }

  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#onError(error);
    }
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
