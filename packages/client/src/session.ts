import type { Event, Frame, Json, JsonObject } from "@holdfast/contract";
import type { CommandOptions } from "./commands.ts";
import type { HoldfastError } from "./errors.ts";
import type { Receipt } from "./outbox-entry.ts";
import type { FrameOutcome } from "./reader.ts";
import type { SessionView } from "./view.ts";

export interface SessionOptions<Agent extends string = string> {
  /** Which agent a session that does not exist yet gets (SPEC open-1); the edge's default one if left out. */
  agent?: Agent;
  /**
   * Opens nothing until the session is used: subscribed to, sent to, commanded; and stops its frames some seconds after the
   * last subscriber has left and everything sent is durable. For UI frameworks, which render before they commit.
   */
  lazy?: boolean;
}

export interface SessionEvents {
  /** Every frame that arrives, with what became of it: for tests and checkers. */
  frame: [frame: Frame, outcome: FrameOutcome];
  /** An event was refused for good; also seen by its receipt and, for an input, in `pending`. */
  refused: [event: Event, error: HoldfastError];
}

/**
 * A conversation with one agent. All methods may be taken off the object and called alone. `State`: the agent's published
 * state, a type the agent's code exports.
 */
export interface Session<State extends object = JsonObject> {
  readonly name: string;
  /** An input: starts a turn (SPEC send-2). `text`: 1 to 32 KiB of UTF-8. */
  readonly send: (text: string, options?: { data?: Json }) => Receipt;
  /** A small fact: changes what the agent knows, starts nothing (SPEC send-3). */
  readonly observe: (name: string, data?: Json) => Receipt;
  /**
   * A command to the session (SPEC command-1), repeated until it is answered. `interrupt` is the only one so far; agents
   * have none of their own. Rejects with a `HoldfastError`: the edge's or the session's refusal, `aborted`, `closed`.
   */
  readonly command: (name: string, args?: JsonObject, options?: CommandOptions) => Promise<Json>;
  /**
   * Stops the running turn (SPEC command-2), by default the one that streams in this view, so that a late interrupt never
   * hits the turn after it. Resolves to the number of the turn it stopped, null if none was running.
   */
  readonly interrupt: (options?: { turn?: number; signal?: AbortSignal }) => Promise<{ turn: number | null }>;
  /** What is known now; the same object until something changes. */
  readonly get: () => SessionView<State>;
  /** The view before anything was received, which is what a server renders. */
  readonly getInitial: () => SessionView<State>;
  /** `listener` runs after a change, once for all changes of one packet. Returns the function that ends it. */
  readonly subscribe: (listener: () => void) => () => void;
  on<Name extends keyof SessionEvents>(name: Name, listener: (...args: SessionEvents[Name]) => void): () => void;
  /** Takes a refused input out of `pending`. */
  readonly dismiss: (input: { producer: string; seq: number }) => void;
  /**
   * Ends it here; the session itself lives on. Receipts and commands still open reject with `closed`. Resolves when what is
   * not durable may be adopted from the storage, if there is one.
   */
  readonly close: () => Promise<void>;
}
