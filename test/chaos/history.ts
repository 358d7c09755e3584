import type { Frame, Snapshot, Turn } from "@holdfast/contract";
import type { Message } from "./prompt.ts";

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

/** What the model said to one question. `isWhole`: it said all it had to say. */
export interface Answer {
  text: string;
  isWhole: boolean;
}

/** One call of the model: what was put to it, and what it sent back. */
export interface ModelCall extends Answer {
  messages: readonly Message[];
}

/** A committed turn as a workflow told of it. */
export interface TurnTold {
  session: string;
  turn: Turn;
}

/** Of a run in which nothing happened. */
export function emptyHistory(): History {
  return {
    sent: [],
    transcripts: new Map(),
    readers: [],
    modelCalls: [],
    answers: () => [],
    interrupts: [],
    hangs: [],
  };
}

/** What happened in one run, from every side that knows something of it. All sessions start empty. */
export interface History {
  sent: SentEvent[];
  /** The truth: each session's snapshot as its workflow answers it, after everything has come to rest. */
  transcripts: Map<string, Snapshot>;
  /** Every turn a workflow told of at any time; left out where the transcripts are short enough to have all of them. */
  told?: readonly TurnTold[];
  readers: ReaderRecord[];
  modelCalls: ModelCall[];
  /** What the model said, or says, when it is asked this. */
  answers: (question: string) => readonly Answer[];
  /** The session, once for each time somebody cut the agent short. */
  interrupts: string[];
  /** What a turn needs was away for longer than its deadline: some may have failed. */
  turnsMayFail?: boolean;
  /** Processes that ended though nobody had struck them, in words. */
  crashes?: string[];
  /** What did not come to rest within its bound, in words. */
  hangs: string[];
}
