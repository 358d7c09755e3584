import { ApplicationFailure } from "@temporalio/activity";
import type { RetryConfig } from "./config.ts";
import type { ModelError } from "./models/model-error.ts";
import { retryDelayMs } from "./retry.ts";

/**
 * How an attempt fails towards the workflow. `type` is what it decides by; messages may reach the session's user (SPEC turn-5),
 * so what a provider said stays in the cause, which only operators see.
 */
export type FailureType = "model_refused" | "model_unavailable" | "breaker_open" | "superseded" | "worker_shutdown";

/** A model's error: `model_refused` is not retried; others are, after a delay of their own. `attempt` counts from 1. */
export function failureOf(error: ModelError, attempt: number, retry: RetryConfig): ApplicationFailure {
  const { message, kind, retryAfterMs } = error;
  if (kind === "refused") return failure("model_refused", message, { nonRetryable: true, ...causeOf(error) });
  const nextRetryDelay = retryDelayMs(attempt, retryAfterMs, retry);
  return failure("model_unavailable", message, { nextRetryDelay, ...causeOf(error) });
}

export function breakerOpen(model: string, retryAfterMs: number, retry: RetryConfig): ApplicationFailure {
  const message = `The model "${model}" has failed too often; it is left alone for a while.`;
  return failure("breaker_open", message, { nextRetryDelay: retryDelayMs(1, retryAfterMs, retry) });
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
