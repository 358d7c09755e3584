import { reduceFrame, type Cursor, type Reduction, type Snapshot, type SnapshotFrame } from "@holdfast/contract";
import type { ChainedFrame, ReceivedFrame } from "./received-frame.ts";
import { shareObject, shareSnapshot } from "./sharing.ts";

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
 * again; opening is its owner's business, who calls `begin` when it asks and `begun` when the edge has answered.
 */
export class Reader {
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
    this.#snapshot = before === undefined ? frame.snapshot : shareSnapshot(before, frame.snapshot);
    this.#accept(frame.id);
    this.#snapshotSinceBegin = true;
    this.#stalled = false;
    return "applied";
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
        this.#snapshot = withSharedState(before, reduction.snapshot);
        return "applied";
    }
  }

  #lost(): FrameOutcome {
    this.#last = undefined;
    this.#stalled = true;
    return "gap";
  }
}

function withSharedState(before: Snapshot, after: Snapshot): Snapshot {
  return after.state === before.state ? after : { ...after, state: shareObject(before.state, after.state) };
}

/** A patch that does not fit what the reader holds throws; it means what a missing version means. */
function reduce(before: Snapshot, frame: ChainedFrame): Reduction {
  try {
    return reduceFrame(before, frame);
  } catch {
    return { outcome: "gap" };
  }
}
