import type { NamedProcess } from "../measure/processes.ts";

export type EventKind = "input" | "observe";

/** One event under way. `intendedAt`: when the load meant to send it, in milliseconds of `performance.now()`. */
export interface Sent {
  readonly seq: number;
  readonly kind: EventKind;
  readonly intendedAt: number;
  /** False during warm-up: it is sent and checked like the others, but is in no figure. */
  readonly counted: boolean;
}

/** What became of events, told as it happens. An input goes through all three, an observe is `durable` only. */
export interface Progress {
  durable(sent: Sent): void;
  /** The first output of the turn that took the input. */
  first(sent: Sent): void;
  /** The turn's outcome. */
  final(sent: Sent): void;
  /** A refusal, a retry, a gap: harmless one by one, counted by name. */
  note(what: string): void;
}

/** The progress of the session with this number (0, 1, 2 … in the order of the list that `open` gives). */
export type ProgressOf = (ordinal: number) => Progress;

/** What a session should hold, told by the load, to be compared with what the system says at the end. */
export interface Offered {
  inputs: number;
  observes: number;
}

/** One session under load. */
export interface LoadSession {
  readonly name: string;
  /** Undefined where no workflow stands behind it. */
  readonly workflowId: string | undefined;
  readonly offered: Offered;
  /** Events not yet settled: an input until its final frame, an observe until durable. */
  readonly unsettled: number;
  /** Takes a burst; sends it in order, as soon as the caller's turn of the event loop ends. */
  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void;
  /** Sentences saying what was lost, duplicated or garbled; empty when all is well. Call when nothing is unsettled. */
  verify(): Promise<string[]>;
}

/** A system that takes the load. All targets of a run share one Temporal and one Valkey. */
export interface LoadTarget {
  readonly name: "holdfast" | "floor" | "bareTemporal";
  /** Its own processes, without those that all targets share. */
  readonly processes: NamedProcess[];
  open(count: number, progressOf: ProgressOf): Promise<LoadSession[]>;
  /** Ends the sessions opened so far; what they were sent stays. */
  closeSessions(): Promise<void>;
  close(): Promise<void>;
}
