import type { FailureClass } from "./models/model-error.ts";

/** What the attempts of a step hand on to each other, by way of their heartbeats. JSON. */
export interface ProgressDetails {
  /** Milliseconds of the step's budget that are gone. */
  spentMs: number;
  /** Attempts that failed, by how. */
  failures: { [failure: string]: number };
}

/** Some 25 days: Node fires a longer timer at once, and no budget is meant to be longer. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * How far a step is: the time it took and the failures it had, over all of its attempts. Only lengths of time are added up, each
 * measured by one process, so it does not matter what any machine's clock says. What an attempt did after its last heartbeat is
 * forgotten when its worker dies.
 */
export class StepProgress {
  readonly #budgetMs: number;
  readonly #before: ProgressDetails;
  readonly #startedAt = performance.now();
  #waitingMs = 0;

  constructor(budgetMs: number, details: unknown) {
    this.#budgetMs = budgetMs;
    this.#before = read(details);
  }

  get spentMs(): number {
    return Math.round(this.#before.spentMs + performance.now() - this.#startedAt);
  }

  get remainingMs(): number {
    return Math.min(LONGEST_MS, Math.max(0, this.#budgetMs - this.spentMs));
  }

  /** Attempts of this step that failed like this, this one included once it was noted. */
  failed(failure: FailureClass): number {
    return this.#before.failures[failure] ?? 0;
  }

  noteFailure(failure: FailureClass): void {
    this.#before.failures[failure] = this.failed(failure) + 1;
  }

  /** The pause before the next attempt is part of the step, and nobody measures it. */
  noteWaiting(ms: number): void {
    this.#waitingMs = ms;
  }

  toDetails(): ProgressDetails {
    return { spentMs: this.spentMs + this.#waitingMs, failures: { ...this.#before.failures } };
  }
}

/** Heartbeats of this very activity; of another release, perhaps. */
function read(details: unknown): ProgressDetails {
  const before: ProgressDetails = { spentMs: 0, failures: {} };
  if (typeof details !== "object" || details === null) return before;
  if ("spentMs" in details && typeof details.spentMs === "number") before.spentMs = details.spentMs;
  if ("failures" in details && typeof details.failures === "object" && details.failures !== null) {
    for (const [failure, times] of Object.entries(details.failures)) {
      if (typeof times === "number") before.failures[failure] = times;
    }
  }
  return before;
}

/**
 * Heartbeats until the returned function is called. Heartbeats tell Temporal that the worker lives and bring cancellations
 * back. The first one is not sent at once: most turns end before it and so cost none. The SDK throttles them as
 * the worker is set to (apps/inference: one per half of a turn's timeout; unset, 0.8 of it). `timeoutMs` undefined: the
 * activity has no heartbeat timeout and must not heartbeat.
 */
export function keepHeartbeating(heartbeat: () => void, timeoutMs: number | undefined): () => void {
  if (timeoutMs === undefined || timeoutMs <= 0) return () => {};
  const timer = setInterval(heartbeat, Math.max(100, timeoutMs / 4));
  return () => clearInterval(timer);
}
