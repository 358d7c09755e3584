import {
  cursorSchema,
  frameSchema,
  reduceFrame,
  type ChainedFrame,
  type Cursor,
  type Reduction,
  type Snapshot,
  type SnapshotFrame,
} from "@holdfast/contract";
import { z } from "zod";
import { shareObject, shareRunningTurn, shareSnapshot } from "./sharing.ts";
import { Transcript } from "./transcript.ts";

/**
 * One member of a `frames` packet. `unknown`: of a type this client does not know; it only has a place in the chain
 * (SPEC version-3). `malformed`: of a known type but not of its shape; nothing of it can be used.
 */
export type ReceivedFrame =
  | { kind: "snapshot"; frame: SnapshotFrame }
  | { kind: "chained"; frame: ChainedFrame }
  | { kind: "unknown"; type: string; id: Cursor; prev: Cursor }
  | { kind: "malformed"; issue: string };

const KNOWN_TYPES: ReadonlySet<string> = new Set(frameSchema.options.map((option) => option.shape.type.value));
const chainedSchema = z.object({ type: z.string(), id: cursorSchema, prev: cursorSchema });

/**
 * Checks one frame; members the contract does not name are dropped (SPEC req-2). Cheap enough for every delta: about a
 * microsecond, less than parsing its JSON took.
 */
export function receiveFrame(raw: unknown): ReceivedFrame {
  const parsed = frameSchema.safeParse(raw);
  if (parsed.success) {
    const frame = parsed.data;
    return frame.type === "snapshot" ? { kind: "snapshot", frame } : { kind: "chained", frame };
  }
  const chained = chainedSchema.safeParse(raw);
  if (chained.success && !KNOWN_TYPES.has(chained.data.type)) return { kind: "unknown", ...chained.data };
  return { kind: "malformed", issue: z.prettifyError(parsed.error) };
}

/**
 * What became of a frame.
 * - `applied`: it changed what the reader holds. `ignored`: it holds its place in the chain and nothing else.
 * - `dropped`: it belongs to a delivery that is over, or waits for the snapshot; it has no meaning here.
 * - `broken`: its `prev` is not the reader's place: open again, with the cursor (SPEC chain-3).
 * - `gap`: a version or an index is missing, or it cannot be read: open again, without a cursor.
 */
export type FrameOutcome = "applied" | "ignored" | "dropped" | "broken" | "gap";

/** Where an `open` asks delivery to begin (SPEC open-1). */
export type OpenPoint = { cursor: Cursor; version: number } | Record<never, never>;

/**
 * Follows one session's frames: checks the chain and reduces them to a snapshot. Says when the session must be opened
 * again. Opening is the business of its owner, which calls `begin` when it asks and `begun` when the edge has answered.
 */
export class Reader {
  readonly transcript = new Transcript();
  #snapshot: Snapshot | undefined;
  /** Undefined: only a snapshot can be accepted. */
  #last: Cursor | undefined;
  /** An `open` is under way; frames that do not fit may be the rest of the delivery before it. */
  #opening = false;
  #acceptedSinceBegin = false;
  #snapshotSinceBegin = false;
  #brokenWhileOpening = false;
  /** Said `broken` or `gap`; until `begin` there is no point in saying it again. */
  #stalled = false;

  /** What the reader holds; undefined before the first snapshot. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Whether it holds a place the next frame can follow; else it waits for a snapshot. */
  get settled(): boolean {
    return this.#last !== undefined && !this.#stalled;
  }

  /** A new delivery is asked for. */
  begin(): OpenPoint {
    this.#opening = true;
    this.#acceptedSinceBegin = false;
    this.#snapshotSinceBegin = false;
    this.#brokenWhileOpening = false;
    this.#stalled = false;
    if (this.#last === undefined) return {};
    return { cursor: this.#last, version: this.#snapshot?.version ?? 0 };
  }

  /**
   * The edge answered `open`: nothing of an older delivery comes any more. `resumed`: as answered (SPEC open-2).
   * `again`: something is missing already.
   */
  begun(resumed: boolean): "going" | "again" {
    this.#opening = false;
    if (!resumed && !this.#snapshotSinceBegin) this.#last = undefined;
    if (this.#brokenWhileOpening) this.#stalled = true;
    return this.#stalled ? "again" : "going";
  }

  read(received: ReceivedFrame): FrameOutcome {
    if (received.kind === "snapshot") return this.#replace(received.frame);
    if (this.#stalled) return "dropped";
    if (received.kind === "malformed") return this.#lost();
    if (this.#last === undefined) return this.#opening ? "dropped" : this.#lost();
    const { id, prev } = received.kind === "chained" ? received.frame : received;
    if (prev !== this.#last) return this.#mismatch();
    this.#accept(id);
    return received.kind === "chained" ? this.#reduce(received.frame) : "ignored";
  }

  /** SPEC snap-1, snap-4: also when the reader was ahead of it. */
  #replace(frame: SnapshotFrame): FrameOutcome {
    const before = this.#snapshot;
    this.#hold(before === undefined ? frame.snapshot : shareSnapshot(before, frame.snapshot));
    this.#accept(frame.id);
    this.#snapshotSinceBegin = true;
    this.#stalled = false;
    return "applied";
  }

  #hold(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.transcript.follow(snapshot.turns);
  }

  #accept(id: Cursor): void {
    this.#last = id;
    this.#acceptedSinceBegin = true;
  }

  #mismatch(): FrameOutcome {
    if (this.#opening) {
      if (this.#acceptedSinceBegin) this.#brokenWhileOpening = true;
      return "dropped";
    }
    this.#stalled = true;
    return "broken";
  }

  #reduce(frame: ChainedFrame): FrameOutcome {
    const before = this.#snapshot;
    if (before === undefined) return this.#lost();
    const reduction = reduce(before, frame);
    switch (reduction.outcome) {
      case "gap":
        return this.#lost();
      case "ignored":
        return "ignored";
      case "applied":
        this.#hold(withSharedParts(before, reduction.snapshot, frame));
        return "applied";
    }
  }

  #lost(): FrameOutcome {
    this.#last = undefined;
    this.#stalled = true;
    return "gap";
  }
}

/** A frame that brings state or parts anew may bring some that are as they were: these keep their identity. */
function withSharedParts(before: Snapshot, after: Snapshot, frame: ChainedFrame): Snapshot {
  const shared = after.state === before.state ? after : { ...after, state: shareObject(before.state, after.state) };
  if (frame.type !== "rewind" || shared.running === null) return shared;
  return { ...shared, running: shareRunningTurn(before.running, shared.running) };
}

/** Some patches that do not fit throw, for example one that adds a member to a text. They are a gap like any other. */
function reduce(before: Snapshot, frame: ChainedFrame): Reduction {
  try {
    return reduceFrame(before, frame);
  } catch {
    return { outcome: "gap" };
  }
}
