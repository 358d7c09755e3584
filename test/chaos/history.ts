import type { Frame, Snapshot, Turn } from "@holdfast/contract";

/** One event a client's outbox took. */
export interface SentEvent {
  session: string;
  producer: string;
  seq: number;
  kind: "input" | "observe";
  /** What an input says, what an observe is called. */
  text: string;
  /** Milliseconds since the run began. */
  at: number;
  /** The client was told so. */
  durable: boolean;
}

/** Everything one reader was given, in order, and what it ended with. */
export interface ReaderRecord {
  name: string;
  session: string;
  /** `at`: milliseconds since the run began. */
  frames: { at: number; frame: Frame }[];
  final: Snapshot;
}

/** A committed turn as a workflow told of it. */
export interface TurnTold {
  session: string;
  turn: Turn;
}

/** Of a run in which nothing happened. */
export function emptyHistory(): History {
  return { sent: [], transcripts: new Map(), readers: [], modelCalls: [], answer: () => "", interrupts: [], hangs: [] };
}

/** What happened in one run, from every side that knows something of it. All sessions start empty. */
export interface History {
  sent: SentEvent[];
  /** The truth: each session's snapshot as its workflow answers it, after everything has come to rest. */
  transcripts: Map<string, Snapshot>;
  /** Every turn a workflow told of at any time; left out where the transcripts are short enough to have all of them. */
  told?: readonly TurnTold[];
  readers: ReaderRecord[];
  /** What the model was asked to answer, once for every call. */
  modelCalls: { text: string }[];
  /** What the model answers to an input's text when nothing goes wrong. */
  answer: (text: string) => string;
  /** The session, once for each time somebody cut the agent short. */
  interrupts: string[];
  /** What a turn needs was away for longer than its deadline: some may have failed. */
  turnsMayFail?: boolean;
  /** What did not come to rest within its bound, in words. */
  hangs: string[];
}
