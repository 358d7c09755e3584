import type { Frame, Snapshot } from "@holdfast/contract";
import type { Answer, ModelCall } from "./model-calls.ts";
import type { TurnTold } from "./temporal.ts";

/** One event a client's outbox took. Times are milliseconds since the run began. */
export interface SentEvent {
  session: string;
  producer: string;
  seq: number;
  kind: "input" | "observe";
  /** What an input says, what an observe is called. */
  text: string;
  at: number;
  /** The client was told so, and when. */
  durable: boolean;
  durableAt?: number;
}

/** Everything one reader was given, in order, and what it ended with. */
export interface ReaderRecord {
  name: string;
  session: string;
  /** `at`: milliseconds since the run began. */
  frames: { at: number; frame: Frame }[];
  final: Snapshot;
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

/** Of a run in which nothing happened. */
export function emptyHistory(): History {
  const [transcripts, answers] = [new Map<string, Snapshot>(), () => []];
  return { sent: [], transcripts, readers: [], modelCalls: [], answers, interrupts: [], hangs: [] };
}

/**
 * How a promise can be broken. `retracted`: a reader was shown as committed what the session does not have in the end.
 * `invented`: what nobody sent, or asked the model for.
 */
export type BrokenPromise =
  | "lost"
  | "duplicated"
  | "reordered"
  | "invented"
  | "garbled"
  | "retracted"
  | "diverged"
  | "gap"
  | "hang"
  | "crash";

/** The promise that was broken, and where. */
export interface Violation {
  promise: BrokenPromise;
  session: string;
  detail: string;
}

/** Says that a promise was broken in some session. */
export type Bad = (promise: BrokenPromise, detail: string) => void;

/** Names an input, of whatever kind of record. */
export function idOf({ producer, seq }: { producer: string; seq: number }): string {
  return `${producer}#${seq}`;
}

/** A text short enough for a violation's detail, quoted. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 40)} … ${text.slice(-40)}` : text);
}
