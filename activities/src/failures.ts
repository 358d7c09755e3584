import { ApplicationFailure } from "@temporalio/activity";
import type { ModelError } from "./models/model-error.ts";

/**
 * How an attempt fails towards the workflow. `type` is what it decides by; messages may reach the session's user (SPEC turn-5),
 * so what a provider said stays in the cause, which only operators see.
 */
export type FailureType = "model_refused" | "model_unavailable" | "breaker_open" | "superseded" | "worker_shutdown";

export function refused(error: ModelError): ApplicationFailure {
  return failure("model_refused", error.message, { nonRetryable: true, ...causeOf(error) });
}

export function unavailable(error: ModelError, nextRetryDelayMs: number): ApplicationFailure {
  return failure("model_unavailable", error.message, { nextRetryDelay: nextRetryDelayMs, ...causeOf(error) });
}

export function breakerOpen(model: string, nextRetryDelayMs: number): ApplicationFailure {
  const message = `The model "${model}" has failed too often; it is left alone for a while.`;
  return failure("breaker_open", message, { nextRetryDelay: nextRetryDelayMs });
}

/** Another attempt, or the end of the turn, is ahead of this one: its outcome does not matter, but it must not run again. */
export function superseded(): ApplicationFailure {
  return failure("superseded", "A later attempt or the end of the turn has overtaken this attempt.", {
    nonRetryable: true,
  });
}

/** Another worker can go on at once. */
export function workerShutdown(): ApplicationFailure {
  return failure("worker_shutdown", "The worker shuts down; another one goes on.", { nextRetryDelay: 20 });
}

function failure(
  type: FailureType,
  message: string,
  options: { nonRetryable?: boolean; nextRetryDelay?: number; cause?: Error },
): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: false, ...options });
}

function causeOf(error: ModelError): { cause?: Error } {
  const { cause } = error;
  if (cause === undefined) return {};
  return { cause: cause instanceof Error ? cause : new Error(JSON.stringify(cause)) };
}
