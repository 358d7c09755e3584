/**
 * What edge, workflows and activities must agree on to meet inside Temporal: names and payloads.
 * Types and constants only, so that workflow code may import it.
 */
import type { Event } from "@holdfast/contract/events";
import type { SessionKey } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import type { Part } from "@holdfast/contract/parts";
import type { Applied, Snapshot } from "@holdfast/contract/snapshot";
import type { Finish, Input, Origin, Turn, Usage } from "@holdfast/contract/turn";

export const WORKFLOW_TYPE = "session";
export const TASK_QUEUE_SESSIONS = "holdfast-sessions";
/** What a lane may be called, at the edges that name one and the workers that serve it. */
export const LANE_PATTERN = /^[\w-]{1,64}$/;

/** Task queue of a lane of model work. */
export function laneTaskQueue(lane: string): string {
  return `holdfast-lane-${lane}`;
}
export const SHARED_LANE = "shared";

/** Signal: one batch of the coalescer. Queries: a `SessionState`; a `HistoryPage`; `DeadLetters`; a `Legacy`. Update: one command. */
export const SIGNAL_EVENTS = "events";
export const QUERY_SNAPSHOT = "snapshot";
export const QUERY_HISTORY = "history";
export const QUERY_DEAD_LETTERS = "deadLetters";
export const QUERY_LEGACY = "legacy";
export const UPDATE_COMMAND = "command";

/**
 * One producer's consecutive events. `by`: the subject whose producer it is, as the edge knows it by the token. `at`: Unix
 * milliseconds at the edge; ages producer marks, decides nothing else.
 */
export interface EventRun {
  by: string;
  producer: string;
  at: number;
  events: Event[];
  /** SPEC trace-1, of the request they came by. */
  traceparent?: string;
}
export interface EventBatch {
  runs: EventRun[];
}

/** First argument of the session workflow when an edge starts it. */
export interface SessionStart {
  key: SessionKey;
  agent: string;
  lane: string;
}

/** What the session workflow answers to the Query: all there is to know of the session. */
export interface SessionState {
  /**
   * Unix milliseconds at which the session's first run started: higher for a session that began again under its name,
   * because an operator ended the one before or Temporal lost it. Versions and turns count from 1 within an epoch,
   * so whatever outlived the one before is told apart by this. Readers never see it.
   */
  epoch: number;
  snapshot: Snapshot;
}

/** Argument of `QUERY_HISTORY`: as SPEC history-1 has it, `limit` being given. */
export interface HistoryQuery {
  before: number;
  limit: number;
}
/** What the session workflow answers to it: turns of the session, oldest first, and whether it keeps older ones. */
export interface HistoryPage {
  turns: Turn[];
  more: boolean;
}

/** What readers hold of the step under way of a running turn, as the log tells. */
export interface HeldStep {
  step: number;
  attempt: number;
  /** Of the turn's last growing frame. */
  index: number;
  parts: Part[];
}

/** What the session workflow answers to the Query of that name, which the next one asks that begins under the same name. */
export interface Legacy {
  /** Who answered; the next one's start may name another. */
  agent: string;
  /** As a run hands the session over to the next; what is in it is the workflow's own business. Null: it is too large. */
  left: unknown;
  /** The turn that was under way, which nobody goes on with. `held`: what readers hold of its last step, if the log can tell. */
  cut?: { epoch: number; turn: number; held?: HeldStep };
}

export interface CommandCall {
  id: string;
  /** The subject that gives it, as the edge knows it by the token. */
  by: string;
  name: string;
  args: { [name: string]: Json };
  traceparent?: string;
}
/** Update failures the edge turns into wire errors are `ApplicationFailure`s with one of these types. */
export const COMMAND_FAILURES = ["unknown_command", "command_refused", "invalid"] as const;
/**
 * Type of the `ApplicationFailure` by which a command that changes nothing is answered: its first detail is the result. What is
 * refused before it is accepted leaves nothing in the session's history, however often it comes.
 */
export const COMMAND_ANSWERED = "answered";

/** A durable event that the session could not take: of a kind it does not know, or malformed. */
export interface DeadLetter {
  /** Why it could not be taken, for an operator. */
  reason: string;
  /** As far as they could be read. */
  by?: string;
  producer?: string;
  seq?: number;
  kind?: string;
  /** What came, as JSON text; cut where it is long. */
  content?: string;
}
/** What the session workflow answers to the Query of that name. */
export interface DeadLetters {
  /** The newest, oldest first. */
  letters: DeadLetter[];
  /** How many older ones had to give way. */
  dropped: number;
}

/** Which model answers: `embedded`, or `provider` with the worker's configured model unless `model` names another. */
export interface ModelRequest {
  provider?: "embedded" | "openai-compatible";
  model?: string;
  instructions?: string;
  /** Committed turns to send along as context. */
  contextTurns?: number;
  temperature?: number;
  maxOutputTokens?: number;
}

/**
 * Activity `respond`: one step of a turn. It carries no transcript: the worker reads the conversation and the turn's earlier steps from
 * the session log's cache, or by Query when that is cold, so history does not grow with the conversation.
 */
export interface StepRequest {
  key: SessionKey;
  /** As in `SessionState`. */
  epoch: number;
  agent: string;
  turn: number;
  step: number;
  /** The session's version once `turn.started` of this turn is applied. */
  startedVersion: number;
  origin: Origin;
  inputs: Input[];
  applied: Applied;
  /** What the turn's earlier steps made, in the unit of LIMITS.turnLength. */
  lengthBefore: number;
  /**
   * Milliseconds the turn has left for this step, all of its attempts and the waits between them included. The worker holds
   * it, by clocks that agree with themselves: how long Temporal needs to hear of an answer is no part of it.
   */
  budgetMs: number;
  request: ModelRequest;
  traceparent?: string;
}
export interface StepResult {
  /** The attempt that made `parts`. */
  attempt: number;
  /** Index of the last growing frame, if readers hold these parts by then; left out where the log could not be told all of them. */
  index?: number;
  parts: Part[];
  /** Why it ends there. `interrupted`: the turn was to stop, and its worker had heard of it. */
  finish: Exclude<Finish, "error">;
  model: string;
  usage?: Usage;
  /** Milliseconds of `budgetMs` that the step took. */
  spentMs: number;
}
