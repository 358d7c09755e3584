import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { type StepErrorCode, TurnFailure } from "./turn-failure.ts";

/** Failures of the activity that say why the turn fails, in words for its user. */
const TOLD: Record<string, StepErrorCode> = {
  model_refused: "model_refused",
  content_refused: "content_refused",
  context_too_long: "context_too_long",
  output_limit: "output_limit",
  turn_deadline: "turn_deadline",
  model_unavailable: "model_unavailable",
  breaker_open: "model_unavailable",
};

/** SPEC turn-5: what a step's activity that failed for good means for its turn. */
export function stepFailure(error: unknown): TurnFailure {
  if (!(error instanceof ActivityFailure)) return unavailable();
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return unanswered();
  const code = cause instanceof ApplicationFailure ? TOLD[cause.type ?? ""] : undefined;
  return code !== undefined && cause !== undefined ? new TurnFailure(code, cause.message) : unavailable();
}

function unanswered(): TurnFailure {
  const sentence = "Nobody who works on answers has finished this one: none is there, or each fell silent.";
  return new TurnFailure("model_unavailable", `${sentence} Send it again later.`);
}

function unavailable(): TurnFailure {
  return new TurnFailure("model_unavailable", "The model did not answer after several tries. Send it again later.");
}
