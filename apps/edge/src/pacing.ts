/**
 * Milliseconds before try `attempt` + 1 (attempts count from 1). They double from `first` to `most`; the second half of them is
 * random. Without that, calls that failed together would come back together.
 */
export function backoff(attempt: number, first: number, most: number): number {
  const delay = Math.min(most, first * 2 ** Math.min(attempt - 1, 30));
  return delay * (0.5 + Math.random() / 2);
}

/**
 * The wait a refused client is told: `ms`, and up to half as much again. Without that, clients that were refused together would
 * come back together (SPEC err-2).
 */
export function spread(ms: number): number {
  return Math.round(ms * (1 + Math.random() / 2));
}

/** How much at once, and how much per second for long. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * A rate with a burst, in memory and without timers: on the path of every request nothing may be awaited.
 * Times are milliseconds of one monotonic clock, given by the caller.
 */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #at: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes one token and returns 0, or takes none and returns the milliseconds until there is one. */
  take(now: number): number {
    this.#refill(now);
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) / this.#perMs);
    this.#tokens -= 1;
    return 0;
  }

  /** Takes `count` tokens, even more than there are: `delay` says how long the debt lasts. */
  spend(now: number, count: number): void {
    this.#refill(now);
    this.#tokens -= count;
  }

  /** Milliseconds until `spend` leaves no debt, 0 if it would not now. */
  delay(now: number, count: number): number {
    this.#refill(now);
    return this.#tokens >= count ? 0 : Math.ceil((count - this.#tokens) / this.#perMs);
  }

  isFull(now: number): boolean {
    this.#refill(now);
    return this.#tokens >= this.#burst;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}

/** Buckets of one rate, by key. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = SWEEP_SIZE;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** As `TokenBucket.take`. */
  take(key: string, now: number): number {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep(now);
      bucket = new TokenBucket(this.#rate.burst, this.#rate.perSecond, now);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(now);
  }

  /** A full bucket is as good as a new one. */
  #sweep(now: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key);
    // A sweep that found nothing to drop is not repeated with every key.
    this.#sweepAt = Math.max(SWEEP_SIZE, 2 * this.#buckets.size);
  }
}

const SWEEP_SIZE = 1_024;
