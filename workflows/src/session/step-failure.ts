import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { TurnFailure } from "./turn-failure.ts";

/** SPEC turn-5: what a step's activity that failed for good means for its turn. */
export function stepFailure(error: unknown): TurnFailure {
  if (!(error instanceof ActivityFailure)) return unavailable();
  const { cause, retryState } = error;
  if (cause instanceof TimeoutFailure) {
    // Attempts may take as long as the turn; only one whose worker went silent leaves time on the clock.
    return cause.timeoutType === "HEARTBEAT" && retryState !== "TIMEOUT" ? unavailable() : deadline();
  }
  if (cause instanceof ApplicationFailure && cause.type === "model_refused") {
    return new TurnFailure("model_refused", cause.message);
  }
  // The next retry would have begun after the deadline.
  if (retryState === "TIMEOUT") return deadline();
  return unavailable(cause instanceof ApplicationFailure ? cause.message : undefined);
}

function deadline(): TurnFailure {
  return new TurnFailure("turn_deadline", "The model did not answer within the turn's deadline. Send it again.");
}

function unavailable(why?: string): TurnFailure {
  const sentence = "The model did not answer after several tries. Send it again later.";
  return new TurnFailure("model_unavailable", why === undefined ? sentence : `${sentence} Last cause: ${why}`);
}
