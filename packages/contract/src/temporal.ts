/**
 * What edge, workflows and activities must agree on to meet inside Temporal: names and payloads.
 * Types and constants only, so that workflow code may import it.
 */
import type { Event } from "./events.ts";
import type { SessionKey } from "./ids.ts";
import type { Json } from "./json.ts";
import type { Applied, Finish, Input, Snapshot } from "./snapshot.ts";

export const WORKFLOW_TYPE = "session";
export const TASK_QUEUE_SESSIONS = "holdfast-sessions";
/** What a lane may be called, at the edges that name one and the workers that serve it. */
export const LANE_PATTERN = /^[\w-]{1,64}$/;

/** Task queue of a lane of model work. */
export function laneTaskQueue(lane: string): string {
  return `holdfast-lane-${lane}`;
}
export const SHARED_LANE = "shared";

/** Signal: one batch of the coalescer. Query: a `SessionTruth`. Update: one command. */
export const SIGNAL_EVENTS = "events";
export const QUERY_SNAPSHOT = "snapshot";
export const UPDATE_COMMAND = "command";

/** One producer's consecutive events. `at`: Unix milliseconds at the edge; ages producer marks, decides nothing else. */
export interface EventRun {
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
export interface SessionTruth {
  /**
   * Unix milliseconds at which the session's first run started: higher for a session that began again under its name,
   * because an operator ended the one before or Temporal lost it. Versions and turns count from 1 within an incarnation,
   * so whatever outlived the one before is told apart by this. Readers never see it.
   */
  incarnation: number;
  snapshot: Snapshot;
}

export interface CommandCall {
  id: string;
  name: string;
  args: { [name: string]: Json };
}
/** Update failures the edge turns into wire errors are `ApplicationFailure`s with one of these types. */
export const COMMAND_FAILURES = ["unknown_command", "command_refused", "invalid"] as const;
/**
 * Type of the `ApplicationFailure` that rejects an Update whose answer is known and which would change nothing. Its first
 * detail is the answer. What is rejected leaves no history, so commands that do nothing can be asked for ever.
 */
export const COMMAND_ANSWERED = "answered";

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
 * Activity `respond`: one step of a turn. It carries no transcript: the worker reads the context from the session
 * log's cache at `version - 1`, or by Query when that is cold, so history does not grow with the conversation.
 */
export interface RespondRequest {
  key: SessionKey;
  /** As in `SessionTruth`. */
  incarnation: number;
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
  stopped: boolean;
  finish: Exclude<Finish, "error">;
  model: string;
  enrichment: Enrichment;
  usage?: { inputTokens?: number; outputTokens?: number };
  /** Milliseconds of `budgetMs` that the step took. */
  spentMs: number;
}
