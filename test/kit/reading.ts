import {
  type Applied,
  emptySnapshot,
  type Frame,
  type GrowingFrame,
  reduceFrame,
  type Reduction,
  type RunningTurn,
  type Snapshot,
  textOf as textOfTurn,
  type Turn,
} from "@holdfast/contract";
import type { ReaderRecord } from "./history.ts";

/**
 * One frame a reader was given and what it is to make of it. `unchained` and `gap`: something before it is missing, and
 * it is not taken.
 */
export interface Step {
  at: number;
  frame: Frame;
  outcome: "applied" | "ignored" | "unchained" | "gap";
  /** What the reader held before, and holds now. */
  before: Snapshot;
  held: Snapshot;
  /** Its place in the log before. */
  last: string | undefined;
}

/** chain-1, frame-1 … frame-6: takes a reader's frames as SPEC.md says, from the first to the last. */
export function* readingOf({ frames }: Pick<ReaderRecord, "frames">): Generator<Step> {
  let held = emptySnapshot("");
  let last: string | undefined;
  for (const { at, frame } of frames) {
    if (frame.type !== "snapshot" && frame.prev !== last) {
      yield { at, frame, outcome: "unchained", before: held, held, last };
      continue;
    }
    const reduction = reduced(held, frame);
    const after = reduction.outcome === "applied" ? reduction.snapshot : held;
    yield { at, frame, outcome: reduction.outcome, before: held, held: after, last };
    held = after;
    if (reduction.outcome !== "gap") last = frame.id;
  }
}

/** A patch that does not fit throws: something before it is missing. */
function reduced(held: Snapshot, frame: Frame): Reduction {
  try {
    return reduceFrame(held, frame);
  } catch {
    return { outcome: "gap" };
  }
}

/** What one frame says has happened for good. */
export function factsOf(
  frame: Frame,
  held: Snapshot,
): { ended: readonly Turn[]; started: RunningTurn | null; applied: Applied } {
  const nothing = { ended: [], started: null, applied: {} };
  switch (frame.type) {
    case "snapshot":
      return { ended: held.turns, started: held.running, applied: frame.snapshot.applied };
    case "turn.started":
    case "inputs.joined":
      return { ...nothing, started: held.running, applied: frame.applied };
    case "turn.ended":
      return { ...nothing, ended: held.turns.slice(-1) };
    default:
      return nothing;
  }
}

/** Every turn of a session, the one under way too. */
export function turnsOf({ turns, running }: Snapshot): (Turn | RunningTurn)[] {
  return running === null ? [...turns] : [...turns, running];
}

/** What a turn says, of which all there is to hold against the model's answers; of no turn: nothing. */
export function textOf(turn: Turn | RunningTurn | null | undefined): string {
  return turn === null || turn === undefined ? "" : textOfTurn(turn);
}

/** Whether a frame is of what the running step makes, which no version counts. */
export function isGrowing(frame: Frame): frame is GrowingFrame {
  return frame.type === "delta" || frame.type === "part" || frame.type === "rewind";
}
