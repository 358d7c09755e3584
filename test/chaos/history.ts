import type { Frame, Snapshot } from "@holdfast/contract";

/** One input a client's outbox took. `durable`: the client was told so. */
export interface SentInput {
  session: string;
  producer: string;
  seq: number;
  text: string;
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

/** What happened in one run, from every side that knows something of it. All sessions start empty. */
export interface History {
  sent: SentInput[];
  /** The truth: each session's snapshot as its workflow answers it, after everything has come to rest. */
  transcripts: Map<string, Snapshot>;
  readers: ReaderRecord[];
  /** What the model answers to an input's text when nothing goes wrong. */
  answer: (text: string) => string;
  /** What did not come to rest within its bound, in words. */
  hangs: string[];
}
