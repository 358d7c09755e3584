import type { Usage } from "./models/model.ts";

export type AttemptOutcome =
  | "completed"
  | "stopped"
  | "superseded"
  | "refused"
  | "unavailable"
  | "breaker_open"
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
  /** Tokens of a finished answer, by the provider's own count where it gives one. */
  tokens(labels: ModelLabels, usage: Usage): void;
}

export const NO_METRICS: RespondMetrics = { started() {}, ended() {}, firstText() {}, tokens() {} };
