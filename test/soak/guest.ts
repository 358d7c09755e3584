import type { ReaderRecord } from "../chaos/history.ts";
import type { Ledger } from "./ledger.ts";
import type { Exchange, Lines } from "./tcp-lines.ts";

/** What a guest needs to know to make a visit. */
export interface Invitation {
  name: string;
  /** As it asks for the session (SPEC ids-2), and as all know it (`tenant/owner/name`). */
  ref: string;
  path: string;
  /** Sessions nobody says anything to; opened beside. */
  elsewhere: readonly string[];
  /** The first is tried first. */
  edges: readonly string[];
  token: () => Promise<string>;
  ledger: Ledger;
  exchange: Exchange;
  lines: Lines;
  onConnection: () => void;
  /** Milliseconds since the run began. */
  clock: () => number;
}

/** One client during one visit. Whatever takes longer than `PATIENCE_MS` rejects. */
export interface Guest {
  /** Connects and opens its sessions. */
  arrive(): Promise<void>;
  /** Says it; resolves at once. */
  say(text: string): void;
  /** Until everything said is in a turn that has ended, as this guest reads it. */
  answered(): Promise<void>;
  observe(name: string): void;
  /**
   * Stops the turn of what was said last once it says something, unless it has ended by then. Not before: a model is asked the
   * next input together with one that got no answer at all, and its answer is then another.
   */
  interrupt(): Promise<void>;
  /** Its connection has been destroyed: comes back, with what it holds or without. */
  comeBack(withCursor: boolean): Promise<void>;
  /** `polite`: closes its sessions and its connection. Otherwise lets go of it without another word. */
  leave(politely: boolean): Promise<void>;
  record(): ReaderRecord;
}

/** A bound on a hang, not a measure of speed. */
export const PATIENCE_MS = 90_000;
