import type { Event, SessionKey, WireError } from "@holdfast/contract";
import type { EventBatch, EventRun } from "@holdfast/internal";
import type { Budget } from "./budget.ts";

/** The session a signal goes to; `agent` is who answers if this signal starts it. */
export interface Target {
  readonly key: SessionKey;
  readonly agent: string;
}

/**
 * What became of a signal. `retry`: it may or may not have arrived; the same batch is to be sent again. `reason`, for
 * operators: not there where a batch is refused for what its client put into it.
 */
export type SignalOutcome =
  | { outcome: "durable" }
  | { outcome: "retry"; reason: string }
  | { outcome: "refused"; error: WireError; reason?: string };
export type Signal = (target: Target, batch: EventBatch) => Promise<SignalOutcome>;

/** `durable` is said of nothing less than what Temporal has persisted (SPEC ack-1). */
export type Settlement = { outcome: "durable" } | { outcome: "refused"; error: WireError };

/** The events of one `send`, on their way to the session. */
export interface Submission {
  readonly target: Target;
  /** The subject whose producer it is. */
  readonly by: string;
  readonly producer: string;
  /** Unix milliseconds of arrival. */
  readonly at: number;
  /** By ascending seq; `sizes` are their encoded bytes. */
  readonly events: readonly Event[];
  readonly sizes: readonly number[];
  /** Of the connection it came by. */
  readonly budget: Budget;
  /** It is not from the session's owner. All who are not share half of what a session may have waiting. */
  readonly isGuest: boolean;
  /** Called once, and never within `offer`. */
  readonly settle: (settlement: Settlement) => void;
}

/** As much of a submission as one signal carries. `isLast`: with it the submission is settled. */
export interface Piece {
  readonly submission: Submission;
  readonly events: readonly Event[];
  readonly bytes: number;
  readonly isLast: boolean;
}

export interface BatchLimits {
  readonly events: number;
  readonly bytes: number;
}

/** Cuts a submission into pieces that each fit into one signal, in order. */
export function cut(submission: Submission, limits: BatchLimits): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, size] of submission.sizes.entries()) {
    if (index > start && (index - start === limits.events || bytes + size > limits.bytes)) {
      pieces.push({ submission, events: submission.events.slice(start, index), bytes, isLast: false });
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  pieces.push({ submission, events: submission.events.slice(start), bytes, isLast: true });
  return pieces;
}

/**
 * The pieces as a signal's argument. Pieces of one producer that stand next to each other become one run; a number
 * the run is already past is a repeat (SPEC send-7) and left out, so that a run always ascends.
 */
export function batchOf(pieces: readonly Piece[]): EventBatch {
  const runs: EventRun[] = [];
  for (const { submission, events } of pieces) {
    const last = runs.at(-1);
    const { by, producer, at } = submission;
    if (last === undefined || last.by !== by || last.producer !== producer) {
      runs.push({ by, producer, at, events: [...events] });
      continue;
    }
    last.at = at;
    const seen = last.events.at(-1)?.seq ?? 0;
    for (const event of events) if (event.seq > seen) last.events.push(event);
  }
  return { runs };
}
