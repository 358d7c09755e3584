import { sessionPath } from "@holdfast/contract";
import { CIRCUIT_BREAKER_OPTIONS, CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import {
  Budget,
  SessionQueue,
  type QueueDeps,
  type QueueOptions,
  type Signal,
  type Submission,
} from "./session-queue.ts";

export interface CoalescerOptions extends QueueOptions {
  /** How much one session, and this whole node, may have waiting; beyond it `busy`. */
  readonly session: { events: number; bytes: number };
  readonly node: { events: number; bytes: number };
  /** A `send` that would wait longer for its session's volume is refused: its client would time out and send it again. */
  readonly longestDelayMs: number;
  readonly breaker: CircuitBreakerOptions;
}

export const COALESCER_OPTIONS: CoalescerOptions = {
  batch: { events: 512, bytes: 512 * 1024 },
  pace: { burst: 500, perSecond: 50 },
  // A turn of 120 s adds at most 11.5 MiB to its run's history by way of one node.
  volume: { burst: 4 * 1024 * 1024, perSecond: 64 * 1024 },
  firstRetryMs: 100,
  longestRetryMs: 5_000,
  session: { events: 4_096, bytes: 2 * 1024 * 1024 },
  node: { events: 200_000, bytes: 128 * 1024 * 1024 },
  longestDelayMs: 5_000,
  breaker: CIRCUIT_BREAKER_OPTIONS,
};

/** What one connection may have waiting. */
export const CONNECTION_BUDGET = { events: 8_192, bytes: 4 * 1024 * 1024 };

/** Where the coalescer reports what it does. */
export interface CoalescerMetrics {
  signalStarted(events: number): void;
  signalEnded(): void;
  retried(reason: string): void;
  failed(error: unknown): void;
}

export type Offer = { outcome: "taken" } | { outcome: "busy"; retryAfterMs: number };

const SWEEP_INTERVAL_MS = 5_000;

/**
 * Natural batching of events into signals, one queue per session, bounded per session, connection and node.
 * It holds nothing that was acknowledged, so a crash loses nothing that anyone was told is safe.
 */
export class Coalescer {
  readonly #options: CoalescerOptions;
  readonly #node: Budget;
  readonly #queues = new Map<string, SessionQueue>();
  readonly #stopping = new AbortController();
  readonly #breaker: CircuitBreaker;
  readonly #queueDeps: QueueDeps;
  readonly #sweeper: NodeJS.Timeout;
  #whenEmpty: (() => void)[] = [];

  constructor(signal: Signal, metrics: CoalescerMetrics, options: CoalescerOptions = COALESCER_OPTIONS) {
    this.#options = options;
    this.#node = new Budget(options.node);
    this.#breaker = new CircuitBreaker(options.breaker);
    this.#queueDeps = {
      options,
      signal,
      breaker: this.#breaker,
      stopping: this.#stopping.signal,
      onSignal: (events) => metrics.signalStarted(events),
      onSignalEnd: () => metrics.signalEnded(),
      onRetry: (reason) => metrics.retried(reason),
      onDefect: (error) => metrics.failed(error),
      onReleased: (events, bytes) => this.#release(events, bytes),
    };
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref();
  }

  /** Events and bytes waiting or in flight. */
  get depth(): { events: number; bytes: number } {
    return { events: this.#node.events, bytes: this.#node.bytes };
  }

  /** Sessions that were sent something lately. */
  get queues(): number {
    return this.#queues.size;
  }

  /** The session was sent something lately. */
  has(path: string): boolean {
    return this.#queues.has(path);
  }

  /** Temporal does not answer: what is taken waits for it. */
  get isHolding(): boolean {
    return this.#breaker.isHolding;
  }

  /** Takes a submission, which is then settled sooner or later, or refuses it at once. */
  offer(submission: Submission): Offer {
    const queue = this.#queueOf(submission);
    const events = submission.events.length;
    const bytes = submission.sizes.reduce((sum, size) => sum + size, 0);
    const budgets = [...queue.budgets(submission), submission.budget, this.#node];
    if (!budgets.every((budget) => budget.fits(events, bytes))) {
      return busy(0);
    }
    const delay = queue.delay(submission);
    if (delay > this.#options.longestDelayMs) return busy(delay - this.#options.longestDelayMs);
    for (const budget of budgets) budget.add(events, bytes);
    queue.add(submission);
    return { outcome: "taken" };
  }

  /** Resolves when nothing waits any more. */
  async empty(): Promise<void> {
    if (this.#node.events === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends all retries. What still waits is never settled; nobody was told it is durable. */
  stop(): void {
    clearInterval(this.#sweeper);
    this.#stopping.abort();
  }

  #queueOf(submission: Submission): SessionQueue {
    const path = sessionPath(submission.target.key);
    let queue = this.#queues.get(path);
    if (queue === undefined) {
      queue = new SessionQueue(this.#queueDeps, new Budget(this.#options.session));
      this.#queues.set(path, queue);
    }
    return queue;
  }

  #release(events: number, bytes: number): void {
    this.#node.release(events, bytes);
    if (this.#node.events > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #sweep(): void {
    for (const [path, queue] of this.#queues) if (queue.isForgettable) this.#queues.delete(path);
  }
}

/** With jitter on top of `afterMs`: sends that are refused together must not come back together. */
function busy(afterMs: number): Offer {
  return { outcome: "busy", retryAfterMs: Math.round(afterMs + 250 + 750 * Math.random()) };
}
