import type { JsonObject, Question, RunningTurn, Snapshot, Turn } from "@holdfast/contract";
import type { ConnectionState } from "./connection.ts";
import type { DeliveryState } from "./delivery.ts";
import type { PendingInput } from "./outbox-entry.ts";

export interface Lag {
  /** Events that are not durable yet. */
  readonly unacked: number;
  /** Inputs that are durable and in no turn yet. */
  readonly unapplied: number;
}

/**
 * One session as it is known here and now. Immutable; parts that did not change are the same objects as in the view before,
 * down to single turns, the steps and parts of the running one, and members of `state`, so they can be compared with `===`.
 */
export interface SessionView<State extends object = JsonObject> {
  readonly connection: ConnectionState;
  readonly delivery: DeliveryState;
  /** The edge cannot read the log: frames pause, but inputs and observes are still made durable (SPEC open-6). */
  readonly degraded: boolean;
  /** 0 before the first snapshot, and for a session nobody has sent anything to. */
  readonly version: number;
  /** The session's agent; undefined before the first snapshot. */
  readonly agent: string | undefined;
  /** What the agent has published; members it has not published yet are missing. */
  readonly state: Readonly<Partial<State>>;
  /** The newest committed turns, oldest first (SPEC snap-2), and before them those that `history` brought. */
  readonly turns: readonly Turn[];
  /** The session has turns before the first of these, which `history` brings. */
  readonly hasOlder: boolean;
  /** The turn under way with what it has made so far. */
  readonly running: RunningTurn | null;
  /** What the running turn waits for a person to decide (SPEC turn-7). */
  readonly questions: readonly Question[];
  /** This client's inputs that are in no turn yet, in the order they were sent. */
  readonly pending: readonly PendingInput[];
  readonly lag: Lag;
}

export interface ViewSources {
  connection: ConnectionState;
  delivery: DeliveryState;
  degraded: boolean;
  snapshot: Snapshot | undefined;
  transcript: { readonly turns: readonly Turn[]; readonly hasOlder: boolean };
  pending: readonly PendingInput[];
  lag: Lag;
}

const NO_STATE: JsonObject = {};
const NO_QUESTIONS: readonly Question[] = [];

/** `before`: the last view, whose unchanged parts are kept. */
export function buildView(sources: ViewSources, before: SessionView | undefined): SessionView {
  const { connection, delivery, degraded, snapshot, transcript } = sources;
  const questions = snapshot?.running?.questions ?? NO_QUESTIONS;
  return {
    connection,
    delivery,
    degraded,
    version: snapshot?.version ?? 0,
    agent: snapshot?.agent,
    state: snapshot?.state ?? NO_STATE,
    turns: transcript.turns,
    hasOlder: transcript.hasOlder,
    running: snapshot?.running ?? null,
    questions: questions.length === 0 ? NO_QUESTIONS : questions,
    pending: sameItems(before?.pending, sources.pending),
    lag: sameLag(before?.lag, sources.lag),
  };
}

function sameItems<T>(before: readonly T[] | undefined, after: readonly T[]): readonly T[] {
  const same = before?.length === after.length && before.every((item, index) => item === after[index]);
  return same ? before : after;
}

function sameLag(before: Lag | undefined, after: Lag): Lag {
  return before?.unacked === after.unacked && before.unapplied === after.unapplied ? before : after;
}
