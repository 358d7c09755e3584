import { sessionPath, type Cursor, type SessionKey } from "@holdfast/contract";
import type { FrameText } from "@holdfast/internal";
import type { SessionLog } from "@holdfast/session-log";
import type { LimitFunction } from "p-limit";
import { backoff } from "../pacing.ts";
import type { Feed, FeedReader } from "./feed.ts";
import { FramesPacket, snapshotPacket } from "./packet.ts";
import { SequenceCheck } from "./sequence-check.ts";
import type { PlacedSnapshot, Snapshots } from "./snapshots.ts";
import type { SocketWriter } from "./socket-writer.ts";

export interface ReaderDeps {
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
  /** The session's name as the client wrote it; its frames are sent under this name. */
  readonly ref: string;
  /** The agent of a session that does not exist yet. */
  readonly agent: string;
  readonly cursor: Cursor | undefined;
  readonly version: number | undefined;
}

/** The reader catches up with the feed by itself. */
interface Behind {
  readonly at: "behind";
  /** What the client has; undefined: it needs a snapshot. */
  cursor: Cursor | undefined;
  /** Checks the frames this reader reads by itself. The feed has checked those it pushes. */
  sequence: SequenceCheck;
  /** How often the log had nothing after a cursor which the feed does not know. */
  stranded: number;
}

type ReaderState = Behind | { readonly at: "in step" } | { readonly at: "closed" };

/** A page is one packet; its bytes are counted without its last frame. */
const PAGE = { frames: 64, bytes: 128 * 1024 };
/** An `open` is answered after this long even if Redis hangs or has too much to do: a client may not send before it is. */
const OPEN_PATIENCE_MS = 1_500;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A reader stranded more often is given a snapshot. */
const MAX_STRANDED = 3;

/**
 * One session's frames on their way to one socket. In step, the feed pushes; behind (at the start, after a pause, after a
 * gap) the reader catches up at its own pace: a snapshot if it has no place in the log, then the feed's newest frames or
 * pages of the log, until it is in step again. What it holds back for a slow socket is a cursor, not frames.
 */
export class Reader implements FeedReader {
  /** SPEC open-2: whether frames go on from the client's cursor. Never rejects. */
  readonly opened: Promise<{ resumed: boolean }>;
  readonly #deps: ReaderDeps;
  readonly #feed: Feed;
  readonly #writer: SocketWriter;
  readonly #start: ReaderStart;
  #state: ReaderState;
  /** The newest version the client was told of, or is about to be. */
  #version: number;
  #decide: ((resumed: boolean) => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(deps: ReaderDeps, feed: Feed, writer: SocketWriter, start: ReaderStart) {
    this.#deps = deps;
    this.#feed = feed;
    this.#writer = writer;
    this.#start = start;
    this.#version = start.version ?? 0;
    this.opened = new Promise((resolve) => {
      const patience = setTimeout(() => this.#answerEarly(), OPEN_PATIENCE_MS);
      this.#decide = (resumed) => {
        clearTimeout(patience);
        this.#decide = undefined;
        resolve({ resumed });
      };
    });
    feed.enter(this);
    this.#state = this.#fallBehind(start.cursor, start.version);
  }

  push(packet: FramesPacket): void {
    if (this.#writer.isSlow) {
      const version = this.#feed.fallBehind(this);
      this.#version = Math.max(version, this.#version);
      this.#fallBehind(packet.frames[0]?.prev, version);
      return;
    }
    this.#writer.write(packet.under(this.#start.ref));
  }

  restart(version: number): void {
    if (this.#state.at === "closed") return;
    this.#deps.onResync();
    this.#version = Math.max(version, this.#version);
    this.#fallBehind(undefined, version);
  }

  wake(): void {
    this.#wake?.();
  }

  close(): void {
    this.#answerEarly();
    this.#state = { at: "closed" };
    this.#feed.leave(this);
    this.#writer.letGo(this);
    this.wake();
  }

  /**
   * Answers before the log has said whether it has the cursor. It most likely does; if not, a snapshot follows. Without the cursor
   * every client that comes back would get a snapshot, which costs more, just when there is too much to do.
   */
  #answerEarly(): void {
    this.#decide?.(this.#state.at === "in step" || (this.#state.at === "behind" && this.#state.cursor !== undefined));
  }

  #fallBehind(cursor: Cursor | undefined, version: number | undefined): ReaderState {
    const behind: Behind = { at: "behind", cursor, sequence: new SequenceCheck(version), stranded: 0 };
    this.#state = behind;
    // Never rejects: failures are waited out within.
    void this.#catchUp(behind);
    return behind;
  }

  /** Runs as long as the reader is in this state. */
  async #catchUp(behind: Behind): Promise<void> {
    for (let failures = 0; this.#state === behind;) {
      try {
        await this.#awaitRoom();
        if (this.#isOver(behind)) return;
        if (this.#deps.isAway(this.#feed.key)) throw new Error("The session log is out of reach.");
        await this.#feed.ready();
        if (this.#isOver(behind)) return;
        await this.#advance(behind);
        failures = 0;
      } catch (error) {
        this.#answerEarly();
        this.#deps.onFailure(sessionPath(this.#feed.key), error);
        await this.#sleep(backoff(++failures, FIRST_RETRY_MS, LONGEST_RETRY_MS));
      }
    }
  }

  #isOver(behind: Behind): boolean {
    return this.#state !== behind;
  }

  async #advance(behind: Behind): Promise<void> {
    const { cursor } = behind;
    if (cursor === undefined) return this.#sendSnapshot(behind);
    const newest = this.#feed.since(cursor);
    if (newest !== undefined) return this.#joinAfter(behind, newest);

    const { log, pages } = this.#deps;
    const page = await pages(() => log.readTexts(this.#feed.key, cursor, PAGE.frames, PAGE.bytes));
    if (this.#isOver(behind)) return;
    if (page.outcome === "unknown") {
      behind.cursor = undefined;
      return;
    }
    this.#decide?.(true);
    if (page.frames.length === 0) await this.#awaitFeed(behind);
    else if (!this.#writer.isSlow) this.#deliver(behind, page.frames);
  }

  #joinAfter(behind: Behind, newest: FrameText[]): void {
    this.#decide?.(true);
    behind.stranded = 0;
    this.#deliver(behind, newest);
    // Not after a gap among them, nor while the socket is still busy with them.
    if (this.#isOver(behind) || behind.cursor !== this.#feed.tail || this.#writer.isSlow) return;
    this.#state = { at: "in step" };
    this.#feed.join(this);
  }

  /** This reader is at the end of the log, which the feed has not heard of yet. */
  async #awaitFeed(behind: Behind): Promise<void> {
    if (++behind.stranded > MAX_STRANDED) {
      behind.stranded = 0;
      behind.cursor = undefined;
      return;
    }
    await this.#feed.readOn();
  }

  async #sendSnapshot(behind: Behind): Promise<void> {
    this.#decide?.(false);
    const { snapshot, cursor } = await this.#readSnapshot();
    this.#feed.learn(cursor, snapshot);
    // Another session of this socket has filled it meanwhile. The snapshot is dropped, and read again when there is room.
    if (this.#isOver(behind) || this.#writer.isSlow) return;
    behind.cursor = cursor;
    behind.sequence = SequenceCheck.afterSnapshot(snapshot);
    this.#version = snapshot.version;
    this.#writer.write(snapshotPacket(this.#start.ref, cursor, snapshot));
  }

  /**
   * SPEC turn-2: a log that was repaired may be older than what this reader was told. Then the workflow is asked again. If the
   * session itself went back, the workflow says so, and the older snapshot stands (snap-4).
   */
  async #readSnapshot(): Promise<PlacedSnapshot> {
    const { key } = this.#feed;
    const { snapshots } = this.#deps;
    const read = await snapshots.read(key, this.#start.agent);
    if (read.snapshot.version >= this.#version) return read;
    await snapshots.compare(key);
    return snapshots.read(key, this.#start.agent);
  }

  /** Sends frames that follow the cursor as one packet. After a gap among them the reader needs a snapshot. */
  #deliver(behind: Behind, frames: FrameText[]): void {
    const gap = frames.findIndex((frame) => !behind.sequence.accept(frame));
    this.#version = Math.max(behind.sequence.version, this.#version);
    const sent = gap < 0 ? frames : frames.slice(0, gap);
    if (sent.length > 0) {
      behind.cursor = sent.at(-1)?.id;
      this.#writer.write(new FramesPacket(sent).under(this.#start.ref));
    }
    if (gap < 0) return;
    this.#deps.onResync();
    behind.cursor = undefined;
  }

  async #awaitRoom(): Promise<void> {
    if (!this.#writer.isSlow) return;
    this.#deps.onPause();
    await this.#writer.relieved(this);
    this.#deps.onResume();
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
