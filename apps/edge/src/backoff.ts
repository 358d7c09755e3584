/**
 * Milliseconds before try `attempt` + 1 (attempts count from 1): doubling from `first` to `most`, of which a uniformly
 * random half. Without the randomness everything that failed together would come back together.
 */
export function backoff(attempt: number, first: number, most: number): number {
  const delay = Math.min(most, first * 2 ** Math.min(attempt - 1, 30));
  return delay * (0.5 + Math.random() / 2);
}

/**
 * What a refused client is told to wait: at least `ms`, and up to half as much again, or all that were refused together
 * would come back together (SPEC err-2).
 */
export function spread(ms: number): number {
  return Math.round(ms * (1 + Math.random() / 2));
}
