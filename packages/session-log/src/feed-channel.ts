import type { FrameText } from "@holdfast/internal";
import type { Redis } from "ioredis";

/** One follower. An object, so that the same function may follow twice. */
export interface Listener {
  onFrame: (frame: FrameText) => void;
}

/**
 * The subscription of one channel, wanted while it has listeners. Changes are made one after another, and each looks at
 * what is wanted when its turn comes, so that follow, unfollow and follow in any order end subscribed.
 */
export class FeedChannel {
  readonly name: string;
  readonly listeners = new Set<Listener>();
  readonly #place: () => Redis | undefined;
  /** Where it is subscribed, or will be when that is acknowledged. */
  #at: Redis | undefined;
  #work: Promise<void> = Promise.resolve();

  /** `place`: the connection it is to be subscribed on now. */
  constructor(name: string, place: () => Redis | undefined) {
    this.name = name;
    this.#place = place;
  }

  /** The connection was lost, and every subscription with it. */
  lost(connection: Redis): void {
    if (this.#at === connection) this.#at = undefined;
  }

  /** Whether another connection is the one for it by now. */
  get isMisplaced(): boolean {
    return this.#at !== undefined && this.#place() !== this.#at;
  }

  /** It has to be subscribed at another place; who served it has ended the subscription by itself. */
  move(): void {
    this.#at = undefined;
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
    const at = this.#at;
    if (this.listeners.size > 0) return at === undefined && this.#subscribe();
    this.#at = undefined;
    await at?.sunsubscribe(this.name);
    return false;
  }

  async #subscribe(): Promise<boolean> {
    const place = this.#place();
    if (place === undefined) throw new Error(`No server is in reach for ${this.name}: follow again.`);
    this.#at = place;
    try {
      await place.ssubscribe(this.name);
    } catch (error) {
      this.#at = undefined;
      throw error;
    }
    // An acknowledgement of before a loss says nothing after it.
    if (this.#at !== place) throw new Error("The connection was lost while subscribing: follow again.");
    return true;
  }
}

function nothing(): void {}
