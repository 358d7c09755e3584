import { LIMITS } from "@holdfast/contract";

/** How attempts stream, wait and retry. Times in milliseconds. */
export interface RespondConfig {
  /** Between two frames that add to the same part; its first text is sent at once. */
  batchMs: number;
  /** Committed turns sent along as context when the agent names no number. */
  contextTurns: number;
  /** Silence after which a model counts as stalled: before its first text, and after it. Any sign of life begins it anew. */
  firstTextTimeoutMs: number;
  idleTimeoutMs: number;
  /** How long one answer may take, whatever signs of life there are; never longer than the turn has. */
  totalTimeoutMs: number;
  /** What a turn may hold, over its steps; a model that says more is stopped there, so that a turn always fits a Temporal payload. */
  turnLength: number;
  /** How long the last parts may take to reach the log; the step's end carries what readers do not hold by then. */
  settleMs: number;
  retry: RetryConfig;
}

export interface RetryConfig {
  /** Longest delay after the first failure; doubles with every further one, up to `maxMs`. */
  baseMs: number;
  maxMs: number;
}

export const RESPOND_DEFAULTS: RespondConfig = {
  batchMs: 40,
  contextTurns: 20,
  firstTextTimeoutMs: 60_000,
  idleTimeoutMs: 20_000,
  totalTimeoutMs: 600_000,
  turnLength: LIMITS.turnLength,
  settleMs: 250,
  retry: { baseMs: 500, maxMs: 20_000 },
};
