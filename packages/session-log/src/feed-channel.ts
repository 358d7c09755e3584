import type { LogFrame } from "@holdfast/contract";

export interface ChannelCommands {
  /** Resolve when Redis has acknowledged; reject when it did not. */
  subscribe(): Promise<unknown>;
  unsubscribe(): Promise<unknown>;
}

/** One follower. An object, so that the same function may follow twice. */
export interface Listener {
  onFrame: (frame: LogFrame) => void;
}

/**
 * The subscription of one channel, wanted while it has listeners. Changes are made one after another, and each looks at
 * what is wanted when its turn comes, so that follow, unfollow and follow in any order end subscribed.
 */
export class FeedChannel {
  readonly listeners = new Set<Listener>();
  readonly #commands: ChannelCommands;
  #subscribed = false;
  /** Counts lost connections: an acknowledgement of before one says nothing after it. */
  #epoch = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(commands: ChannelCommands) {
    this.#commands = commands;
  }

  /** The connection was lost, and every subscription with it. */
  lost(): void {
    this.#epoch++;
    this.#subscribed = false;
  }

  /**
   * Brings the subscription to what is wanted now. Resolves to whether it subscribed; rejects when Redis did not
   * acknowledge.
   */
  settle(): Promise<boolean> {
    const step = this.#work.then(() => this.#step());
    this.#work = step.then(nothing, nothing);
    return step;
  }

  async #step(): Promise<boolean> {
    const wanted = this.listeners.size > 0;
    if (wanted === this.#subscribed) return false;
    if (!wanted) {
      this.#subscribed = false;
      await this.#commands.unsubscribe();
      return false;
    }
    const epoch = this.#epoch;
    await this.#commands.subscribe();
    if (epoch !== this.#epoch) throw new Error("The connection was lost while subscribing: follow again.");
    this.#subscribed = true;
    return true;
  }
}

function nothing(): void {}
