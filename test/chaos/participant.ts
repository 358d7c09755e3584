import { type SessionKey, sessionPath } from "@holdfast/contract";
import type { ReaderRecord, SentEvent } from "./history.ts";

export interface ParticipantPlan {
  name: string;
  key: SessionKey;
  /** In the order in which they are tried. */
  edges: readonly string[];
  token: () => Promise<string>;
  /** Milliseconds since the run began. */
  clock: () => number;
  /** In [0, 1): how long it waits before it connects again; by chance if left out. */
  random?: () => number;
}

/** One client of a run: says things in a session, reads it, and writes down both. */
export interface Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentEvent[];
  /** What it was given; `final` is what it holds when this is called. */
  record(): ReaderRecord;
  say(text: string): void;
  observe(name: string): void;
  close(): Promise<void>;
}

/** One that also cuts the agent short. */
export interface Talker extends Participant {
  /** Stops whatever turn runs, if one does and the command gets through. */
  interrupt(): void;
}

/** Each session once. */
export function sessionsOf(participants: readonly Participant[]): SessionKey[] {
  return [...new Map(participants.map(({ key }) => [sessionPath(key), key])).values()];
}
