/**
 * SPEC connect-6: exponential back-off with full jitter, each delay uniform in [0, min(max, base · 2ⁿ)). Socket.IO's own
 * reconnection clamps after it jitters, so that from the fifth attempt on all clients of a dead edge come back at the
 * same moment.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: { baseMs: number; maxMs: number; random?: () => number }) {
    this.#baseMs = options.baseMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  /** Delays taken since the last `reset`. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Milliseconds to wait now. The jitter is added to `atLeastMs`, which is what the edge asked for. */
  next(atLeastMs = 0): number {
    // 2 ** 30 is far over any maximum; the exponent is bounded so that it never becomes Infinity.
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt++;
    return atLeastMs + this.#random() * ceiling;
  }

  reset(): void {
    this.#attempt = 0;
  }
}

/** A wait that can be cut short: because the network is back, or because whoever waits is to stop. */
export class Pause {
  #wake: (() => void) | undefined;

  /** `ms` undefined: until woken. */
  async wait(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Ends the wait under way, if any. */
  wake(): void {
    this.#wake?.();
  }
}
