import type { SessionKey } from "@holdfast/contract";
import type { ReaderRecord, SentInput } from "./history.ts";

/** One client of a run: says things in a session, reads it, and writes down both. */
export interface Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentInput[];
  /** What it was given; `final` is what it holds when this is called. */
  record(): ReaderRecord;
  say(text: string): void;
  close(): Promise<void>;
}
