import type { Usage } from "@holdfast/contract";
import type { FailureClass } from "./models/model-error.ts";

export type AttemptOutcome =
  | "completed"
  | "stopped"
  | "superseded"
  /** Failed for good. */
  | "refused"
  /** Failed, and will be tried again. */
  | "unavailable"
  | "breaker_open"
  | "deadline"
  | "cancelled"
  | "shutdown";

export interface ModelLabels {
  provider: string;
  model: string;
}

/** What `respond` tells about itself; the process that runs it decides where that goes. */
export interface RespondMetrics {
  /** `attempt` counts from 1: anything above is a retry. */
  started(labels: ModelLabels, attempt: number): void;
  ended(labels: ModelLabels, outcome: AttemptOutcome): void;
  /** Seconds from the start of the attempt to the model's first text. */
  firstText(labels: ModelLabels, seconds: number): void;
  /** A call that gave no whole answer. One attempt may make several: with less context, or without. */
  failed(labels: ModelLabels, failure: FailureClass): void;
  /** Tokens of a finished answer, by the provider's own count where it gives one. */
  tokens(labels: ModelLabels, usage: Usage): void;
}

export const NO_METRICS: RespondMetrics = { started() {}, ended() {}, firstText() {}, failed() {}, tokens() {} };
