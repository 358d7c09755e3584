import { ApplicationFailure } from "@temporalio/activity";
import type { RetryConfig } from "./config.ts";
import { FAILURE_POLICY, type ModelError, type ModelFailureCode } from "./models/model-error.ts";
import type { StepProgress } from "./step-progress.ts";

/**
 * How an attempt fails towards the workflow. `type` is what it decides by, and but for the last three the turn's error code;
 * messages reach the session's user (SPEC turn-5), so what a provider said stays in the cause, which only operators see.
 */
export type FailureType = ModelFailureCode | "turn_deadline" | "breaker_open" | "superseded" | "worker_shutdown";

/**
 * A model's error, once it is noted in the step's progress: the next attempt comes after a delay, unless the policy allows no
 * more, or the turn has not that much time.
 */
export function failureOf(
  error: ModelError,
  attempt: number,
  progress: StepProgress,
  retry: RetryConfig,
): ApplicationFailure {
  const { code, sentence, attempts } = FAILURE_POLICY[error.failure];
  const options = { cause: error };
  if (progress.failed(error.failure) >= attempts) return failure(code, sentence, { ...options, nonRetryable: true });
  return retriedWithin(progress, code, sentence, retryDelayMs(attempt, error.retryAfterMs, retry), options);
}

/** The conversation cannot be read at the moment, so the attempt cannot begin. */
export function unread(
  cause: unknown,
  attempt: number,
  progress: StepProgress,
  retry: RetryConfig,
): ApplicationFailure {
  const sentence = "The conversation so far could not be read. Send it again later.";
  const options = cause instanceof Error ? { cause } : {};
  return retriedWithin(progress, "model_unavailable", sentence, retryDelayMs(attempt, undefined, retry), options);
}

export function breakerOpen(retryAfterMs: number, progress: StepProgress, retry: RetryConfig): ApplicationFailure {
  const sentence = "The model has failed too often, and is left alone for a while. Send it again in some minutes.";
  return retriedWithin(progress, "breaker_open", sentence, retryDelayMs(1, retryAfterMs, retry), {});
}

/** SPEC turn-5. */
export function deadlineReached(): ApplicationFailure {
  const sentence = "The model did not answer within the turn's time. Send it again, or ask for something shorter.";
  return failure("turn_deadline", sentence, { nonRetryable: true });
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

/** To wait for an attempt that cannot begin in time would only keep the user waiting. */
function retriedWithin(
  progress: StepProgress,
  type: FailureType,
  message: string,
  nextRetryDelay: number,
  options: { cause?: Error },
): ApplicationFailure {
  if (nextRetryDelay >= progress.remainingMs) {
    const code = type === "breaker_open" ? "model_unavailable" : type;
    return failure(code, message, { ...options, nonRetryable: true });
  }
  progress.noteWaiting(nextRetryDelay);
  return failure(type, message, { ...options, nextRetryDelay });
}

function failure(
  type: FailureType,
  message: string,
  options: { nonRetryable?: boolean; nextRetryDelay?: number; cause?: Error },
): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: false, ...options });
}

/** A number in [0, 1). */
export type Random = () => number;

/** No delay is shorter: 0 would mean "as the policy says" to Temporal. */
const MIN_DELAY_MS = 20;

/**
 * Milliseconds until the next attempt: exponential with full jitter, since Temporal's retry policy has none and retries in step
 * would storm a provider that has just come back. A provider's own wish comes first, with jitter on top; `retriedWithin` bounds it by the turn's time.
 * `attempt` counts from 1.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  config: RetryConfig,
  random: Random = Math.random,
): number {
  if (retryAfterMs === undefined) {
    const ceiling = Math.min(config.maxMs, config.baseMs * 2 ** (attempt - 1));
    return Math.max(MIN_DELAY_MS, Math.round(random() * ceiling));
  }
  return Math.max(MIN_DELAY_MS, Math.round(retryAfterMs + random() * config.baseMs));
}
