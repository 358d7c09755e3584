import { sessionPath, type Cursor, type SessionKey } from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";
import type { LimitFunction } from "p-limit";
import { backoff } from "./backoff.ts";
import { Continuity } from "./continuity.ts";
import { encodeFrame, snapshotJson, type EncodedFrame } from "./encoded-frame.ts";
import type { Feed, FeedReader } from "./feed.ts";
import type { Outlet } from "./outlet.ts";
import type { PlacedSnapshot, Snapshots } from "./snapshots.ts";

export interface ReaderSurroundings {
  readonly log: SessionLog;
  readonly snapshots: Snapshots;
  /** Bounds the pages read at once on this node, and with them their memory. */
  readonly pages: LimitFunction;
  /** The session's log is known to be out of reach: nothing is worth asking it. */
  readonly isAway: (key: SessionKey) => boolean;
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly onResync: () => void;
  readonly onFailure: (path: string, error: unknown) => void;
}

export interface ReaderStart {
  /** As the client named the session; its frames are sent under this. */
  readonly ref: string;
  /** Of a session that does not exist yet. */
  readonly agent: string;
  readonly cursor: Cursor | undefined;
  readonly version: number | undefined;
}

/** A page is one packet; its bytes are counted without its last frame. */
const PAGE = { frames: 64, bytes: 128 * 1024 };
/** An `open` is answered after this long even if Redis hangs or has too much to do: a client may not send before it is. */
const OPEN_PATIENCE_MS = 1_500;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A place the log has nothing after, and the feed does not know: so often, then it is given up for a snapshot. */
const MAX_STRANDED = 3;

/**
 * One session's frames on their way to one socket. In step, the feed pushes; behind (at the start, after a pause, after a
 * gap) it catches up at its own pace: a snapshot if it has no place in the log, then the feed's newest frames or pages of
 * the log, until it is in step again. What it holds back for a slow socket is a cursor, not frames.
 */
export class Reader implements FeedReader {
  /** SPEC open-2: whether frames go on from the client's cursor. Never rejects. */
  readonly opened: Promise<{ resumed: boolean }>;
  readonly #surroundings: ReaderSurroundings;
  readonly #feed: Feed;
  readonly #outlet: Outlet;
  readonly #start: ReaderStart;
  #cursor: Cursor | undefined;
  #continuity: Continuity;
  #decide: ((resumed: boolean) => void) | undefined;
  #isCatchingUp = false;
  #isClosed = false;
  #wake: (() => void) | undefined;
  #stranded = 0;

  constructor(surroundings: ReaderSurroundings, feed: Feed, outlet: Outlet, start: ReaderStart) {
    this.#surroundings = surroundings;
    this.#feed = feed;
    this.#outlet = outlet;
    this.#start = start;
    this.#cursor = start.cursor;
    this.#continuity = new Continuity(start.version);
    this.opened = new Promise((resolve) => {
      const patience = setTimeout(() => this.#answerEarly(), OPEN_PATIENCE_MS);
      this.#decide = (resumed) => {
        clearTimeout(patience);
        this.#decide = undefined;
        resolve({ resumed });
      };
    });
    feed.enter(this);
    this.#startCatchingUp();
  }

  push(frame: EncodedFrame): void {
    if (this.#outlet.isSlow) {
      this.#feed.fallBehind(this);
      this.#startCatchingUp();
      return;
    }
    if (this.#continuity.accept(frame.frame)) {
      this.#cursor = frame.frame.id;
      this.#outlet.send(this.#start.ref, [frame.json]);
      return;
    }
    this.#loseStep();
  }

  restart(): void {
    this.#cursor = undefined;
    this.#startCatchingUp();
  }

  wake(): void {
    this.#wake?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#feed.leave(this);
    this.#decide?.(this.#cursor !== undefined);
    this.#outlet.letGo(this);
    this.wake();
  }

  #loseStep(): void {
    this.#surroundings.onResync();
    this.#feed.fallBehind(this);
    this.restart();
  }

  /**
   * Before the log could say whether it has the cursor. It most likely does; if not, a snapshot follows. To give the cursor up
   * would be to send snapshots, which cost more, to all that come back in the moment there is too much to do.
   */
  #answerEarly(): void {
    this.#decide?.(this.#cursor !== undefined);
  }

  #startCatchingUp(): void {
    if (this.#isCatchingUp || this.#isClosed) return;
    this.#isCatchingUp = true;
    // Never rejects: failures are waited out within.
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    for (let failures = 0; !this.#isClosed;) {
      try {
        await this.#awaitRoom();
        if (this.#isClosed) return;
        if (this.#surroundings.isAway(this.#feed.key)) throw new Error("The session log is out of reach.");
        await this.#feed.ready();
        if (this.#isClosed || (await this.#step())) return;
        failures = 0;
      } catch (error) {
        this.#answerEarly();
        this.#surroundings.onFailure(sessionPath(this.#feed.key), error);
        await this.#sleep(backoff(++failures, FIRST_RETRY_MS, LONGEST_RETRY_MS));
      }
    }
  }

  /** One piece of the way; true when the reader is in step. */
  async #step(): Promise<boolean> {
    const cursor = this.#cursor;
    if (cursor === undefined) {
      await this.#sendSnapshot();
      return false;
    }
    const newest = this.#feed.since(cursor);
    if (newest !== undefined) return this.#joinAfter(newest);

    const { log, pages } = this.#surroundings;
    const page = await pages(() => log.read(this.#feed.key, cursor, PAGE.frames, PAGE.bytes));
    if (this.#isClosed || this.#cursor !== cursor) return false;
    if (page.outcome === "unknown") {
      this.#cursor = undefined;
      return false;
    }
    this.#decide?.(true);
    if (page.frames.length === 0) await this.#awaitFeed();
    else if (!this.#outlet.isSlow) this.#deliver(page.frames.map(encodeFrame));
    return false;
  }

  #joinAfter(newest: EncodedFrame[]): boolean {
    this.#decide?.(true);
    this.#stranded = 0;
    this.#deliver(newest);
    // Not after a gap among them, nor while the socket is still busy with them.
    if (this.#cursor !== this.#feed.tail || this.#outlet.isSlow) return false;
    // Both in one go: a push may come before whoever awaits this runs on, and may have to start the next catching up.
    this.#isCatchingUp = false;
    this.#feed.join(this);
    return true;
  }

  /** This reader is at the end of the log, which the feed has not heard of yet. */
  async #awaitFeed(): Promise<void> {
    if (++this.#stranded > MAX_STRANDED) {
      this.#stranded = 0;
      this.#cursor = undefined;
      return;
    }
    await this.#feed.readOn();
  }

  async #sendSnapshot(): Promise<void> {
    this.#decide?.(false);
    const { snapshot, cursor } = await this.#readSnapshot();
    this.#feed.learn(snapshot);
    // Another session of this socket was faster. Dropped rather than kept: it is read again when there is room.
    if (this.#isClosed || this.#outlet.isSlow) return;
    this.#cursor = cursor;
    this.#continuity = Continuity.of(snapshot);
    this.#outlet.send(this.#start.ref, [snapshotJson(cursor, snapshot)]);
  }

  /**
   * SPEC turn-2: a log that lost its parts may have been given back what the workflow had said before its last word. A reader that
   * heard the last word has the workflow asked again; if the session itself went back, that is what it says (snap-4).
   */
  async #readSnapshot(): Promise<PlacedSnapshot> {
    const { key } = this.#feed;
    const { snapshots } = this.#surroundings;
    const read = await snapshots.read(key, this.#start.agent);
    if (read.snapshot.version >= this.#continuity.version) return read;
    await snapshots.compare(key);
    return snapshots.read(key, this.#start.agent);
  }

  /** Sends frames that follow the cursor as one packet; a gap among them leaves no cursor. */
  #deliver(frames: EncodedFrame[]): void {
    const gap = frames.findIndex(({ frame }) => !this.#continuity.accept(frame));
    const sent = gap < 0 ? frames : frames.slice(0, gap);
    if (sent.length > 0) {
      this.#cursor = sent.at(-1)?.frame.id;
      this.#outlet.send(
        this.#start.ref,
        sent.map(({ json }) => json),
      );
    }
    if (gap < 0) return;
    this.#surroundings.onResync();
    this.#cursor = undefined;
  }

  async #awaitRoom(): Promise<void> {
    if (!this.#outlet.isSlow) return;
    this.#surroundings.onPause();
    await this.#outlet.relieved(this);
    this.#surroundings.onResume();
  }

  /** Until time is up or the log may be in reach again. */
  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
