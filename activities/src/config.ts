/** How attempts stream, wait and retry. Times in milliseconds. */
export interface RespondConfig {
  /** Between two text frames of a turn; the first is sent at once. */
  batchMs: number;
  /** Committed turns sent along as context when the agent names no number. */
  contextTurns: number;
  /** Silence after which a model counts as stalled: before its first text, and between two pieces. */
  firstTextTimeoutMs: number;
  idleTimeoutMs: number;
  /** UTF-16 code units of a turn, over its steps; a model that says more is stopped there, so that a turn always fits a Temporal payload. */
  maxTextLength: number;
  /** How long the last of the text may take to reach the log; the final frame carries all of it anyway. */
  settleMs: number;
  retry: RetryConfig;
}

export interface RetryConfig {
  /** Longest delay after the first failure; doubles with every further one, up to `maxMs`. */
  baseMs: number;
  maxMs: number;
  /** Longest `Retry-After` that is obeyed. */
  maxRetryAfterMs: number;
}

export const RESPOND_DEFAULTS: RespondConfig = {
  batchMs: 40,
  contextTurns: 20,
  firstTextTimeoutMs: 60_000,
  idleTimeoutMs: 20_000,
  maxTextLength: 256 * 1024,
  settleMs: 250,
  retry: { baseMs: 500, maxMs: 20_000, maxRetryAfterMs: 60_000 },
};
