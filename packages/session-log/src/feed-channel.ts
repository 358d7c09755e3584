import type { FrameText } from "@holdfast/internal";
import type { Redis } from "ioredis";

/** One follower. It is an object so that one function may follow twice. */
export interface Listener {
  onFrame: (frame: FrameText) => void;
}

/**
 * The subscription of one channel, which is wanted while it has listeners. Changes are made one after another. Each looks at whether
 * there are listeners only when it begins, so that follow, unfollow and follow end subscribed.
 */
export class FeedChannel {
  readonly name: string;
  readonly listeners = new Set<Listener>();
  readonly #wantedConnection: () => Redis | undefined;
  /** The connection it is subscribed on, perhaps not acknowledged yet. */
  #connection: Redis | undefined;
  #work: Promise<void> = Promise.resolve();

  /** `wantedConnection`: the connection it should be subscribed on now. */
  constructor(name: string, wantedConnection: () => Redis | undefined) {
    this.name = name;
    this.#wantedConnection = wantedConnection;
  }

  /** The connection was lost, and every subscription with it. */
  lost(connection: Redis): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** Whether it should be subscribed on another connection by now. */
  get isMisplaced(): boolean {
    return this.#connection !== undefined && this.#wantedConnection() !== this.#connection;
  }

  /** Forgets the connection: the server that served the channel has ended the subscription by itself. */
  move(): void {
    this.#connection = undefined;
  }

  /** Subscribes or unsubscribes as is wanted. Resolves to whether it subscribed; rejects when Redis did not acknowledge. */
  settle(): Promise<boolean> {
    const change = this.#work.then(() => this.#change());
    this.#work = change.then(nothing, nothing);
    return change;
  }

  async #change(): Promise<boolean> {
    const connection = this.#connection;
    if (this.listeners.size > 0) return connection === undefined && this.#subscribe();
    this.#connection = undefined;
    await connection?.sunsubscribe(this.name);
    return false;
  }

  async #subscribe(): Promise<boolean> {
    const connection = this.#wantedConnection();
    if (connection === undefined) throw new Error(`No server is in reach for ${this.name}: follow again.`);
    this.#connection = connection;
    try {
      await connection.ssubscribe(this.name);
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
    // The connection was lost meanwhile: the acknowledgement holds no more.
    if (this.#connection !== connection) throw new Error("The connection was lost while subscribing: follow again.");
    return true;
  }
}

function nothing(): void {}
