import type { SessionKey } from "@holdfast/contract";
import { type FrameText, readFrameText } from "@holdfast/internal";
import type { Cluster, Redis } from "ioredis";
import { FeedChannel, type Listener } from "./feed-channel.ts";
import { feedOf } from "./keys.ts";
import { type Subscribers, subscribersOf } from "./subscribers.ts";

const RETRY_MS = 500;

/**
 * Live frames of many sessions over one connection to each server, by sharded pub/sub. Pub/sub may lose messages
 * without a word: a follower checks the chain (chain-1) and reads what is missing from the log.
 */
export class LogFollower {
  readonly #subscribers: Subscribers;
  readonly #channels = new Map<string, FeedChannel>();
  readonly #interrupted = new Set<() => void>();
  readonly #onError: (error: unknown) => void;
  /** Counts losses of connections, so that a recovery notices a loss that came while it ran. */
  #losses = 0;
  /** How many of those losses were recovered from. */
  #recovered = 0;
  #recovering = false;

  /**
   * `subscriber`: a connection of its own; this class decides what it is subscribed to. `onError` is told of
   * a listener that threw, and of a message that is no frame.
   */
  constructor(subscriber: Redis | Cluster, onError: (error: unknown) => void = warn) {
    this.#onError = onError;
    this.#subscribers = subscribersOf(subscriber, {
      onMessage: (channel, message) => this.#deliver(channel, message),
      onLost: (connection) => this.#lose(connection),
      onChange: () => this.#relocate(),
    });
  }

  /** Sessions that are followed, and those whose end Redis has not acknowledged yet. */
  get size(): number {
    return this.#channels.size;
  }

  /**
   * Calls `onFrame` with every frame published from the acknowledgement on, in order; perhaps already before this resolves.
   * Resolves to the function that ends it, which never rejects. Rejects when Redis did not acknowledge: then nothing follows,
   * and the caller tries again. After a later loss of its connection it follows again without the caller (see `onInterrupted`).
   */
  async follow(key: SessionKey, onFrame: (frame: FrameText) => void): Promise<() => Promise<void>> {
    const name = feedOf(key);
    const channel = this.#channels.get(name) ?? this.#open(name);
    const listener: Listener = { onFrame };
    channel.listeners.add(listener);
    try {
      await channel.settle();
    } catch (error) {
      await this.#leave(channel, listener);
      throw error;
    }
    return () => this.#leave(channel, listener);
  }

  /** Calls `listener` when a lost connection is back with its subscriptions: frames were missed, and must be read from the log. */
  onInterrupted(listener: () => void): void {
    this.#interrupted.add(listener);
  }

  #open(name: string): FeedChannel {
    const channel = new FeedChannel(name, () => this.#subscribers.of(name));
    this.#channels.set(name, channel);
    return channel;
  }

  async #leave(channel: FeedChannel, listener: Listener): Promise<void> {
    if (!channel.listeners.delete(listener)) return;
    try {
      await channel.settle();
    } catch {
      // The connection has lost its subscriptions, or it delivers messages that have no listener.
    }
    if (channel.listeners.size === 0 && this.#channels.get(channel.name) === channel)
      this.#channels.delete(channel.name);
  }

  #deliver(name: string, message: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.listeners.size === 0) return;
    const frame = readFrameText(message);
    if (frame === undefined) {
      this.#onError(new Error(`A message on ${name} is not a frame.`));
      return;
    }
    for (const { onFrame } of channel.listeners) this.#call(() => onFrame(frame));
  }

  #lose(connection: Redis): void {
    this.#losses++;
    for (const channel of this.#channels.values()) channel.lost(connection);
  }

  #relocate(): void {
    for (const channel of this.#channels.values()) {
      if (!channel.isMisplaced) continue;
      this.#losses++;
      channel.move();
    }
    if (this.#recovered === this.#losses || this.#recovering) return;
    this.#recovering = true;
    void this.#recover().finally(() => {
      this.#recovering = false;
    });
  }

  /**
   * Subscribes to everything again, however often a connection is lost meanwhile. It calls the listeners after each round that
   * subscribed something: a node of a Cluster that stays away must not keep the other nodes' readers waiting. Never rejects.
   */
  async #recover(): Promise<void> {
    while (!this.#subscribers.isEnded) {
      const losses = this.#losses;
      const settled = await Promise.allSettled([...this.#channels.values()].map((channel) => channel.settle()));
      if (settled.some((round) => round.status === "fulfilled" && round.value)) this.#announce();
      if (settled.every(({ status }) => status === "fulfilled")) this.#recovered = losses;
      if (this.#recovered === this.#losses) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      this.#subscribers.refresh();
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
