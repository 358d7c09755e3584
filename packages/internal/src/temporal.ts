/**
 * What edge, workflows and activities must agree on to meet inside Temporal: names and payloads.
 * Types and constants only, so that workflow code may import it.
 */
import type { Event } from "@holdfast/contract/events";
import type { SessionKey } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import type { Applied, Finish, Input, Snapshot } from "@holdfast/contract/snapshot";

export const WORKFLOW_TYPE = "session";
export const TASK_QUEUE_SESSIONS = "holdfast-sessions";
/** What a lane may be called, at the edges that name one and the workers that serve it. */
export const LANE_PATTERN = /^[\w-]{1,64}$/;

/** Task queue of a lane of model work. */
export function laneTaskQueue(lane: string): string {
  return `holdfast-lane-${lane}`;
}
export const SHARED_LANE = "shared";

/** Signal: one batch of the coalescer. Queries: a `SessionState`; `DeadLetters`; a `Legacy`. Update: one command. */
export const SIGNAL_EVENTS = "events";
export const QUERY_SNAPSHOT = "snapshot";
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

/** What the session workflow answers to the Query of that name, which the next one asks that begins under the same name. */
export interface Legacy {
  /** Who answered; the next one's start may name another. */
  agent: string;
  /** As a run hands the session over to the next; what is in it is the workflow's own business. Null: it is too large. */
  carry: unknown;
  /** The turn that was under way, which nobody goes on with. `held`: what it had said. */
  cut?: { epoch: number; turn: number; held: string };
}

export interface CommandCall {
  id: string;
  /** The subject that gives it, as the edge knows it by the token. */
  by: string;
  name: string;
  args: { [name: string]: Json };
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
  /** Whether the result is to say what the inputs are about: costs the worker a small language model, and milliseconds. */
  enrich?: boolean;
}

/**
 * Activity `respond`: one step of a turn. It carries no transcript: the worker reads the context from the session
 * log's cache at `version - 1`, or by Query when that is cold, so history does not grow with the conversation.
 */
export interface RespondRequest {
  key: SessionKey;
  /** As in `SessionState`. */
  epoch: number;
  agent: string;
  turn: number;
  step: number;
  /** The session's version once `turn.started` of this turn is applied. */
  version: number;
  inputs: Input[];
  applied: Applied;
  /**
   * How much text the turn's earlier steps wrote, in UTF-16 code units. A log that lost the end of a step looks whole; by
   * this the worker knows better, and asks the workflow.
   */
  textBefore: number;
  /**
   * Milliseconds the turn has left for this step, all of its attempts and the waits between them included. The worker holds
   * it, by clocks that agree with themselves: how long Temporal needs to hear of an answer is no part of it.
   */
  budgetMs: number;
  request: ModelRequest;
}
export interface Enrichment {
  /** −1 (bad) … 1 (good). */
  sentiment: number;
  entities: { text: string; type: string }[];
  keywords: string[];
}
export interface RespondResult {
  /** What this step added to the turn's text. */
  text: string;
  /** Why it ends there. `interrupted`: the turn was to stop, and its worker had heard of it. */
  finish: Exclude<Finish, "error">;
  model: string;
  /** Where the request asked for it. */
  enrichment?: Enrichment;
  usage?: { inputTokens?: number; outputTokens?: number };
  /** Milliseconds of `budgetMs` that the step took. */
  spentMs: number;
}
