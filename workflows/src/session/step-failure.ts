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
  const { cause, retryState } = error;
  if (cause instanceof TimeoutFailure) {
    // Attempts may take as long as the turn; only one whose worker went silent leaves time on the clock.
    return cause.timeoutType === "HEARTBEAT" && retryState !== "TIMEOUT" ? unavailable() : deadline();
  }
  const code = cause instanceof ApplicationFailure ? TOLD[cause.type ?? ""] : undefined;
  if (code !== undefined && cause !== undefined) return new TurnFailure(code, cause.message);
  // The next retry would have begun after the deadline.
  return retryState === "TIMEOUT" ? deadline() : unavailable();
}

function deadline(): TurnFailure {
  return new TurnFailure("turn_deadline", "The model did not answer within the turn's deadline. Send it again.");
}

function unavailable(): TurnFailure {
  return new TurnFailure("model_unavailable", "The model did not answer after several tries. Send it again later.");
}
