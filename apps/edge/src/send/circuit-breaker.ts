export interface CircuitBreakerOptions {
  /** How many signals in a row have to fail before Temporal counts as away. */
  readonly failures: number;
  /** How many signals then try whether it is back, and milliseconds from a failure to the next try, half of them random. */
  readonly probes: number;
  readonly probeMs: number;
  /** Signals on their way at once, until all that was held back has gone. */
  readonly most: number;
}

export const CIRCUIT_BREAKER_OPTIONS: CircuitBreakerOptions = { failures: 8, probes: 4, probeMs: 1_000, most: 256 };

/**
 * Lets every signal pass while Temporal answers, and a few while it does not. If each session tried for itself, a node with tens of
 * thousands would spend an outage on calls that fail, and all would fall upon Temporal when it returns. Signals that were held back
 * go in the order in which they came, and slowly at first: each that succeeds lets two more go.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  readonly #waiting = new Set<() => void>();
  /** Since the last that arrived. */
  #failures = 0;
  #inFlight = 0;
  #limit = Number.POSITIVE_INFINITY;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  /** Temporal counts as away. Signals that wait here need not wait anywhere else. */
  get isHolding(): boolean {
    return this.#failures >= this.#options.failures;
  }

  /** Resolves when a signal may be sent. Each `enter` is followed by one `leave`. */
  async enter(): Promise<void> {
    if (this.#inFlight < this.#limit) this.#inFlight++;
    else await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  leave(hasArrived: boolean): void {
    if (hasArrived) this.#arrived();
    else this.#failed();
  }

  #arrived(): void {
    this.#failures = 0;
    if (this.#limit < this.#options.most) this.#limit++;
    this.#makeRoom();
    if (this.#waiting.size === 0) this.#limit = Number.POSITIVE_INFINITY;
  }

  #failed(): void {
    this.#failures++;
    if (!this.isHolding) return this.#makeRoom();
    const { probes, probeMs } = this.#options;
    this.#limit = probes;
    setTimeout(() => this.#makeRoom(), probeMs * (0.5 + Math.random() / 2)).unref();
  }

  #makeRoom(): void {
    this.#inFlight--;
    for (const resolve of this.#waiting) {
      if (this.#inFlight >= this.#limit) return;
      this.#waiting.delete(resolve);
      this.#inFlight++;
      resolve();
    }
  }
}
