/**
 * Milliseconds before try `attempt` + 1 (attempts count from 1): doubling from `first` to `most`, of which a uniformly
 * random half. Without the randomness everything that failed together would come back together.
 */
export function backoff(attempt: number, first: number, most: number): number {
  const delay = Math.min(most, first * 2 ** Math.min(attempt - 1, 30));
  return delay * (0.5 + Math.random() / 2);
}
