import type { RetryConfig } from "./config.ts";

/** A number in [0, 1). */
export type Random = () => number;

/** No delay is shorter: 0 would mean "as the policy says" to Temporal. */
const MIN_DELAY_MS = 20;

/**
 * Milliseconds until the next attempt: exponential with full jitter, since Temporal's retry policy has none and retries in step
 * would storm a provider that has just come back. A provider's own wish comes first, with jitter on top; what bounds it is the turn's time (failures.ts).
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
