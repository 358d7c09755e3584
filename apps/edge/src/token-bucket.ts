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
