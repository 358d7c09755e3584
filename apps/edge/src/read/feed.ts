import { sessionPath, type Applied, type Cursor, type SessionKey } from "@holdfast/contract";
import type { FrameText, SnapshotText } from "@holdfast/internal";
import type { LogFollower, SessionLog } from "@holdfast/session-log";
import { FramesPacket } from "./packet.ts";
import { SequenceCheck } from "./sequence-check.ts";

/** One socket's reading of a session. `push` and `restart` come only while it is in step with the feed. */
export interface FeedReader {
  /** Gives the reader the frame after the last it has. */
  push(frame: FramesPacket): void;
  /** The next frames do not follow what this reader has: it needs a snapshot. `version`: the newest it was told of. */
  restart(version: number): void;
  /** The log may be in reach again. */
  wake(): void;
}

export interface FeedDeps {
  readonly log: SessionLog;
  readonly follower: Pick<LogFollower, "follow">;
  /** A turn has taken inputs. */
  readonly onApplied: (path: string, marks: Applied) => void;
  readonly onArrival: (frame: FrameText) => void;
  readonly onResync: () => void;
}

const PAGE = { frames: 128, bytes: 128 * 1024 };
/** The tail of an empty log (SPEC chain-2). */
const START = "0";

/**
 * One session's log as this node sees it, shared by all sockets that read it. A feed follows the live frames, checks that
 * each is chained to the one before and counts on from it (chain-1, frame-2, grow-3), and reads from the log the frames that pub/sub
 * lost. Its readers need not check the frames that it pushes.
 */
export class Feed {
  readonly key: SessionKey;
  readonly path: string;
  readonly #deps: FeedDeps;
  readonly #newest = new Ring({ frames: 128, length: 64 * 1024 });
  readonly #readers = new Set<FeedReader>();
  /** Readers that have everything up to `#tail`. */
  readonly #inStep = new Set<FeedReader>();
  /** The last frame of the log this feed knows; undefined while it does not follow. */
  #tail: Cursor | undefined;
  #sequence = new SequenceCheck(undefined);
  #runningTurn = 0;
  #lastFrameAt = performance.now();
  /** Live frames that came while a read was under way. */
  #arrived: FrameText[] = [];
  #reading: Promise<void> | undefined;
  #unfollow: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(key: SessionKey, deps: FeedDeps) {
    this.key = key;
    this.path = sessionPath(key);
    this.#deps = deps;
  }

  get tail(): Cursor | undefined {
    return this.#tail;
  }

  /** Whether the log is known to have frames, so that the session has begun. */
  get hasFrames(): boolean {
    return this.#tail !== undefined && this.#tail !== START;
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

  /** Pushes this reader no frames until it joins again. Returns the version at `tail`. */
  fallBehind(reader: FeedReader): number {
    this.#inStep.delete(reader);
    return this.#sequence.version;
  }

  wakeReaders(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** The frames after `cursor`, none if it is the tail; undefined when only the log can tell. */
  since(cursor: Cursor): FrameText[] | undefined {
    return cursor === this.#tail ? [] : this.#newest.after(cursor);
  }

  /** Takes from a reader's snapshot, exact at `cursor`, what the feed needs to know as well. */
  learn(cursor: Cursor, snapshot: SnapshotText): void {
    this.#tellApplied(snapshot.applied);
    const isNews = cursor === this.#tail && !this.#sequence.isVersionKnown;
    if (isNews) this.#sequence = SequenceCheck.afterSnapshot(snapshot);
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
    const head = await this.#deps.log.head(this.key);
    if (head.cursor !== tail && this.#tail === tail) await this.readOn();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tail = undefined;
    const unfollow = this.#unfollow;
    this.#unfollow = undefined;
    await unfollow?.();
  }

  /** Drops the kept frames of a silent session; a reader that is behind reads the log. */
  shed(): void {
    this.#newest.clear();
  }

  /** One read of the log at a time. Callers that come meanwhile wait for the one under way. */
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
    const { follower, log } = this.#deps;
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
    this.#sequence = SequenceCheck.after(head);
    this.#tail = head.cursor;
  }

  async #readFrom(tail: Cursor): Promise<void> {
    for (let cursor = tail; ;) {
      const page = await this.#deps.log.readTexts(this.key, cursor, PAGE.frames, PAGE.bytes);
      if (page.outcome === "unknown") return this.#startOver();
      for (const frame of page.frames) this.#accept(frame);
      cursor = page.frames.at(-1)?.id ?? cursor;
      if (!page.more) return;
    }
  }

  /** The log lost the tail (a failover, an eviction, its age): readers in step need a snapshot. */
  async #startOver(): Promise<void> {
    const { version } = this.#sequence;
    this.#deps.onResync();
    this.#newest.clear();
    await this.#start();
    this.#restartReaders(version);
  }

  #onFrame(frame: FrameText): void {
    this.#deps.onArrival(frame);
    if (this.#reading !== undefined) this.#arrived.push(frame);
    else if (this.#tail === undefined) return;
    else if (frame.prev === this.#tail) this.#accept(frame);
    else if (!this.#isKnown(frame)) this.#fillGap();
  }

  /**
   * Takes the live frames that arrived during a read. Some may neither be known nor chain on: they came after the read had passed
   * their place, or before the tail was taken. Then the log is read again. This ends, because each round needs frames that came
   * during the round before.
   */
  #absorbArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    if (this.#tail === undefined) return;
    // At the start the tail itself is often among them. Frames before it are old.
    const old = arrived.findLastIndex((frame) => frame.id === this.#tail);
    let hasGap = false;
    for (const frame of arrived.slice(old + 1)) {
      if (frame.prev === this.#tail) this.#accept(frame);
      else if (!this.#isKnown(frame)) hasGap = true;
    }
    if (hasGap) this.#fillGap();
  }

  #isKnown(frame: FrameText): boolean {
    return frame.id === this.#tail || this.#newest.has(frame.id);
  }

  #fillGap(): void {
    // It fails only if Redis does, and when Redis is back every feed reads on.
    this.readOn().catch(() => {});
  }

  /** `frame` is chained to the tail. */
  #accept(frame: FrameText): void {
    const { version } = this.#sequence;
    this.#tail = frame.id;
    this.#lastFrameAt = performance.now();
    this.#note(frame);
    if (!this.#sequence.accept(frame)) return this.#breakAt(frame, version);
    this.#newest.push(frame);
    const packet = new FramesPacket([frame]);
    for (const reader of this.#inStep) reader.push(packet);
  }

  /** Frames are missing before `frame`, in the log as well. Readers in step need a snapshot; later frames count on from `frame`. */
  #breakAt(frame: FrameText, version: number): void {
    // A reader that has not come so far must find the gap, too, so it has to read the log.
    this.#newest.clear();
    this.#sequence = new SequenceCheck(undefined);
    this.#sequence.accept(frame);
    this.#restartReaders(version);
  }

  #restartReaders(version: number): void {
    const readers = [...this.#inStep];
    this.#inStep.clear();
    for (const reader of readers) reader.restart(version);
  }

  #note(frame: FrameText): void {
    switch (frame.type) {
      case "turn.started":
        this.#runningTurn = frame.turn;
        this.#tellApplied(frame.applied);
        return;
      case "inputs.joined":
        this.#tellApplied(frame.applied);
        return;
      case "turn.ended":
        this.#runningTurn = 0;
        return;
      default:
        return;
    }
  }

  /** Not after the feed has closed: a reader may still learn marks from a snapshot, but the backlog keeps none any more. */
  #tellApplied(marks: Applied): void {
    if (!this.#isClosed) this.#deps.onApplied(this.path, marks);
  }
}

export interface RingLimits {
  readonly frames: number;
  /** UTF-16 code units of JSON. */
  readonly length: number;
}

/** The newest frames of a feed, so that a reader a little behind is caught up without asking Redis. */
export class Ring {
  readonly #limits: RingLimits;
  #frames: FrameText[] = [];
  #length = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  push(frame: FrameText): void {
    this.#frames.push(frame);
    this.#length += frame.json.length;
    while (this.#frames.length > this.#limits.frames || this.#length > this.#limits.length) {
      const oldest = this.#frames.shift();
      if (oldest === undefined) return;
      this.#length -= oldest.json.length;
    }
  }

  has(id: Cursor): boolean {
    return this.#frames.some((frame) => frame.id === id);
  }

  /** The frames after `cursor`, or undefined when the ring does not reach back that far. */
  after(cursor: Cursor): FrameText[] | undefined {
    const first = this.#frames.findLastIndex(({ prev }) => prev === cursor);
    return first < 0 ? undefined : this.#frames.slice(first);
  }

  clear(): void {
    this.#frames = [];
    this.#length = 0;
  }
}
