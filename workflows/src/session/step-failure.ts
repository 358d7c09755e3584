import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { TurnFailure } from "./turn-failure.ts";

/** SPEC turn-5: what a step's activity that failed for good means for its turn. */
export function stepFailure(error: unknown): TurnFailure {
  if (!(error instanceof ActivityFailure)) return unavailable();
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return unanswered();
  if (!(cause instanceof ApplicationFailure)) return unavailable();
  switch (cause.type) {
    case "model_refused":
      return new TurnFailure("model_refused", cause.message);
    case "turn_deadline":
      return new TurnFailure("turn_deadline", "The model did not answer within the turn's deadline. Send it again.");
    default:
      return unavailable(cause.message);
  }
}

/**
 * Every attempt's worker fell silent, as far as Temporal could tell. It cannot tell a dead worker from its own absence, so this
 * says nothing of the model, and is no reason to fail a turn.
 */
export function isOfSilentWorkers(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || error.retryState !== "MAXIMUM_ATTEMPTS_REACHED") return false;
  return error.cause instanceof TimeoutFailure && error.cause.timeoutType === "HEARTBEAT";
}

function unanswered(): TurnFailure {
  const sentence = "Nobody who works on answers has finished this one: none is there, or each fell silent.";
  return new TurnFailure("model_unavailable", `${sentence} Send it again later.`);
}

function unavailable(why?: string): TurnFailure {
  const sentence = "The model did not answer after several tries. Send it again later.";
  return new TurnFailure("model_unavailable", why === undefined ? sentence : `${sentence} Last cause: ${why}`);
}
