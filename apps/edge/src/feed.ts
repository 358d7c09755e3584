import { sessionPath, type Cursor, type SessionKey, type Snapshot } from "@holdfast/contract";
import { type LogFrame } from "@holdfast/internal";
import type { LogFollower, SessionLog } from "@holdfast/session-log";
import { Backlog } from "./backlog.ts";
import { encodeFrame, type EncodedFrame } from "./encoded-frame.ts";
import { Ring, type RingLimits } from "./ring.ts";

/** One socket's reading of a session. `push` and `restart` come only while it is in step with the feed. */
export interface FeedReader {
  /** The frame after the one this reader has. */
  push(frame: EncodedFrame): void;
  /** What this reader has is not in the log any more: it needs a snapshot. */
  restart(): void;
  /** The log may be in reach again. */
  wake(): void;
}

export interface FeedSurroundings {
  readonly log: SessionLog;
  readonly follower: Pick<LogFollower, "follow">;
  readonly onLag: (frame: LogFrame) => void;
  readonly onResync: () => void;
}

const RING: RingLimits = { frames: 128, length: 64 * 1024 };
const PAGE = { frames: 128, bytes: 128 * 1024 };

/**
 * One session's log as this node sees it, shared by all sockets that read it: follows the live frames, checks that each
 * is chained to the one before (chain-1), and reads from the log what pub/sub lost.
 */
export class Feed {
  readonly key: SessionKey;
  readonly path: string;
  readonly backlog = new Backlog();
  readonly #surroundings: FeedSurroundings;
  readonly #ring = new Ring(RING);
  readonly #readers = new Set<FeedReader>();
  /** Readers that have everything up to `#tail`. */
  readonly #inStep = new Set<FeedReader>();
  /** The last frame of the log this feed knows; undefined while it does not follow. */
  #tail: Cursor | undefined;
  #runningTurn = 0;
  #lastFrameAt = performance.now();
  /** Live frames that came while a read was under way. */
  #arrived: LogFrame[] = [];
  #reading: Promise<void> | undefined;
  #unfollow: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(key: SessionKey, surroundings: FeedSurroundings) {
    this.key = key;
    this.path = sessionPath(key);
    this.#surroundings = surroundings;
  }

  get tail(): Cursor | undefined {
    return this.#tail;
  }

  get isTurnRunning(): boolean {
    return this.#runningTurn > 0;
  }

  /** Milliseconds since the log last said anything. */
  get silence(): number {
    return performance.now() - this.#lastFrameAt;
  }

  enter(reader: FeedReader): void {
    this.#readers.add(reader);
  }

  leave(reader: FeedReader): void {
    this.#readers.delete(reader);
    this.#inStep.delete(reader);
  }

  /** From now on the reader, which has everything up to `tail`, is pushed every frame. */
  join(reader: FeedReader): void {
    this.#inStep.add(reader);
  }

  /** The reader goes its own pace until it joins again. */
  fallBehind(reader: FeedReader): void {
    this.#inStep.delete(reader);
  }

  wakeReaders(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** The frames after `cursor`, none if it is the tail; undefined when only the log can tell. */
  since(cursor: Cursor): EncodedFrame[] | undefined {
    return cursor === this.#tail ? [] : this.#ring.after(cursor);
  }

  /** What a snapshot tells about the session, beside what it tells the reader it is for. */
  learn(snapshot: Snapshot): void {
    this.backlog.apply(snapshot.applied);
  }

  /** Resolves once live frames are followed and the tail is known. Rejects while Redis is away. */
  async ready(): Promise<void> {
    if (this.#tail === undefined) await this.#exclusively(() => this.#start());
  }

  /** Reads to the end of the log. Rejects while Redis is away. */
  async readOn(): Promise<void> {
    await this.#exclusively(() => (this.#tail === undefined ? this.#start() : this.#readFrom(this.#tail)));
  }

  /** Pub/sub may lose the last frame of a burst without a trace; this finds it. Rejects while Redis is away. */
  async checkTail(): Promise<void> {
    const tail = this.#tail;
    if (tail === undefined) return;
    const head = await this.#surroundings.log.head(this.key);
    if (head.cursor !== tail && this.#tail === tail) await this.readOn();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tail = undefined;
    const unfollow = this.#unfollow;
    this.#unfollow = undefined;
    await unfollow?.();
  }

  /** Drops the kept frames of a session nothing happens in; a reader that is behind reads the log. */
  shed(): void {
    this.#ring.clear();
  }

  /** One read of the log at a time; who comes meanwhile waits for the one under way. */
  async #exclusively(read: () => Promise<void>): Promise<void> {
    this.#reading ??= read().finally(() => {
      this.#reading = undefined;
      this.#absorbArrived();
    });
    await this.#reading;
  }

  /**
   * Follows before it looks, so that no frame falls between the two. What arrives before the tail is known waits in
   * `#arrived`.
   */
  async #start(): Promise<void> {
    const { follower, log } = this.#surroundings;
    if (this.#unfollow === undefined) {
      const unfollow = await follower.follow(this.key, (frame) => this.#onFrame(frame));
      if (this.#isClosed) {
        await unfollow();
        throw new Error("The feed was closed while it opened.");
      }
      this.#unfollow = unfollow;
    }
    const head = await log.head(this.key);
    this.#runningTurn = head.turn;
    this.#tail = head.cursor;
  }

  async #readFrom(tail: Cursor): Promise<void> {
    for (let cursor = tail; ;) {
      const page = await this.#surroundings.log.read(this.key, cursor, PAGE.frames, PAGE.bytes);
      if (page.outcome === "unknown") return this.#startOver();
      for (const frame of page.frames) this.#accept(frame);
      cursor = page.frames.at(-1)?.id ?? cursor;
      if (!page.more) return;
    }
  }

  /** The log lost the tail (a failover, an eviction, its age): whoever was in step needs a snapshot. */
  async #startOver(): Promise<void> {
    this.#surroundings.onResync();
    this.#ring.clear();
    await this.#start();
    const readers = [...this.#inStep];
    this.#inStep.clear();
    for (const reader of readers) reader.restart();
  }

  #onFrame(frame: LogFrame): void {
    this.#surroundings.onLag(frame);
    if (this.#reading !== undefined) this.#arrived.push(frame);
    else if (this.#tail === undefined) return;
    else if (frame.prev === this.#tail) this.#accept(frame);
    else if (!this.#isKnown(frame)) this.#fillGap();
  }

  /**
   * What arrived during a read and neither chains on nor is known came after the read had passed, or before the tail was
   * taken; another read tells. It ends: each round needs frames that came during the last.
   */
  #absorbArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    if (this.#tail === undefined) return;
    // At the start the tail itself is often among them; what is before it is known to be old.
    const old = arrived.findLastIndex((frame) => frame.id === this.#tail);
    let hasGap = false;
    for (const frame of arrived.slice(old + 1)) {
      if (frame.prev === this.#tail) this.#accept(frame);
      else if (!this.#isKnown(frame)) hasGap = true;
    }
    if (hasGap) this.#fillGap();
  }

  #isKnown(frame: LogFrame): boolean {
    return frame.id === this.#tail || this.#ring.has(frame.id);
  }

  #fillGap(): void {
    // A failure is Redis's, and its return brings every feed to read on.
    this.readOn().catch(() => {});
  }

  #accept(frame: LogFrame): void {
    this.#tail = frame.id;
    this.#lastFrameAt = performance.now();
    this.#note(frame);
    const encoded = encodeFrame(frame);
    this.#ring.push(encoded);
    for (const reader of this.#inStep) reader.push(encoded);
  }

  #note(frame: LogFrame): void {
    switch (frame.type) {
      case "turn.started":
        this.#runningTurn = frame.turn;
        this.backlog.apply(frame.applied);
        return;
      case "turn.completed":
      case "turn.interrupted":
      case "turn.failed":
        this.#runningTurn = 0;
        return;
      default:
        return;
    }
  }
}
