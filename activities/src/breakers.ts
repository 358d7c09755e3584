import {
  circuitBreaker,
  CircuitState,
  CountBreaker,
  DelegateBackoff,
  handleType,
  type CircuitBreakerPolicy,
} from "cockatiel";
import type { Cluster, Redis } from "ioredis";

/** The last calls a breaker judges by, and how many there must be; it opens when more than `threshold` of them failed. */
const WINDOW = { size: 20, threshold: 0.5, minimumNumberOfCalls: 6 };
/** How long it stays open: doubles with every failed trial, ±25 % so that workers do not try in step. Milliseconds. */
const OPEN_MS = { first: 2_000, max: 30_000 };
/** How long others wait while a trial call is under way. */
const TRIAL_WAIT_MS = 1_000;

export type BreakerState = "closed" | "open" | "half-open";

/** One call that was let through. Exactly one of the endings must be told, `answering` before it at the first text. */
export interface GuardedCall {
  answering(): void;
  succeeded(): void;
  failed(): void;
  /** Ended for a reason that says nothing about the model's health. */
  ended(): void;
}

export type Entry = { outcome: "allowed"; call: GuardedCall } | { outcome: "refused"; retryAfterMs: number };

class CallFailed extends Error {
  override name = "CallFailed";
}
class CallEnded extends Error {
  override name = "CallEnded";
}

/**
 * Keeps calls away from a model that keeps failing. cockatiel's circuit breaker, entered and left in two steps because a streamed
 * call proves itself at its first text but may fail long after.
 */
export class Breaker {
  #policy: CircuitBreakerPolicy;
  #openUntil = 0;
  readonly #onOpen: (forMs: number) => void;

  constructor(onOpen: (forMs: number) => void = () => {}) {
    this.#onOpen = onOpen;
    this.#policy = this.#createPolicy(undefined);
  }

  get state(): BreakerState {
    switch (this.#policy.state) {
      case CircuitState.Open:
      case CircuitState.Isolated:
        return "open";
      case CircuitState.HalfOpen:
        return "half-open";
      case CircuitState.Closed:
        return "closed";
    }
  }

  enter(): Entry {
    const state = this.state;
    // cockatiel would make these calls wait for the trial's end; a waiting call would hold a worker's slot.
    if (state === "half-open") return { outcome: "refused", retryAfterMs: TRIAL_WAIT_MS };
    const remaining = this.#openUntil - Date.now();
    if (state === "open" && remaining > 0) return { outcome: "refused", retryAfterMs: remaining };
    return { outcome: "allowed", call: this.#call(state === "open") };
  }

  /** Another worker's breaker opened: open this one too, unless it has an opinion of its own. */
  adopt(openForMs: number): void {
    if (this.state === "closed") this.#policy = this.#createPolicy(openForMs);
  }

  #call(isTrial: boolean): GuardedCall {
    const policy = this.#policy;
    const outcome = Promise.withResolvers<void>();
    outcome.promise.catch(() => {});
    policy.execute(() => outcome.promise).catch(() => {});
    let proven = false;
    return {
      answering: () => {
        if (!isTrial) return;
        proven = true;
        outcome.resolve();
      },
      succeeded: () => outcome.resolve(),
      failed: () => {
        outcome.reject(new CallFailed());
        // Its success was counted at its first text: count the failure as a call of its own.
        if (proven) policy.execute(() => Promise.reject(new CallFailed())).catch(() => {});
      },
      // A trial that ended early proved nothing: the breaker must not close for it.
      ended: () => outcome.reject(isTrial ? new CallFailed() : new CallEnded()),
    };
  }

  #createPolicy(adoptedMs: number | undefined): CircuitBreakerPolicy {
    const window = new CountBreaker(WINDOW);
    let nextOpenMs = adoptedMs;
    const halfOpenAfter = new DelegateBackoff<{ attempt: number }>(({ attempt }) => {
      const ms = nextOpenMs ?? openMs(attempt);
      nextOpenMs = undefined;
      this.#openUntil = Date.now() + ms;
      return ms;
    });
    const open = { value: CircuitState.Open, openedAt: Date.now(), attemptNo: 1 };
    const initialState = adoptedMs === undefined ? undefined : { ownState: open, breakerState: window.state };
    const policy = circuitBreaker(handleType(CallFailed), { breaker: window, halfOpenAfter, initialState });
    policy.onBreak(() => this.#onOpen(this.#openUntil - Date.now()));
    return policy;
  }
}

function openMs(attempt: number): number {
  const ceiling = Math.min(OPEN_MS.max, OPEN_MS.first * 2 ** (attempt - 1));
  return Math.round(ceiling * (0.75 + Math.random() / 2));
}

/** Models are few; should an agent make up their names, the longest known are forgotten. */
const KEPT = 1_000;
const SHARE_INTERVAL_MS = 1_000;

export interface BreakerReport {
  provider: string;
  model: string;
  state: BreakerState;
}

interface ModelBreaker {
  provider: string;
  model: string;
  breaker: Breaker;
}

/**
 * One breaker per (provider, model). With Redis an opening spreads to the other workers within about a second: a key per open
 * breaker that lives as long as it is open, so that nothing depends on clocks agreeing. Without, each worker learns for itself.
 */
export class Breakers {
  readonly #entries = new Map<string, ModelBreaker>();
  readonly #redis: Redis | Cluster | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(redis?: Redis | Cluster) {
    this.#redis = redis;
  }

  of(provider: string, model: string): Breaker {
    const key = `hf:breaker:${provider}/${model}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known.breaker;
    const breaker = new Breaker((forMs) => this.#announce(key, forMs));
    this.#entries.set(key, { provider, model, breaker });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > KEPT && oldest !== undefined) this.#entries.delete(oldest);
    return breaker;
  }

  report(): BreakerReport[] {
    return Array.from(this.#entries.values(), ({ provider, model, breaker }) => ({
      provider,
      model,
      state: breaker.state,
    }));
  }

  /** Begins to follow what other workers announce, until `stop`. */
  start(): void {
    if (this.#redis === undefined) return;
    this.#timer = setInterval(() => void this.refresh(), SHARE_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Opens the breakers other workers have open. Never rejects: without Redis each worker's own experience must do. */
  async refresh(): Promise<void> {
    const redis = this.#redis;
    if (redis === undefined || redis.status !== "ready") return;
    const closed = [...this.#entries].filter(([, { breaker }]) => breaker.state === "closed");
    await Promise.allSettled(
      closed.map(async ([key, { breaker }]) => {
        const remainingMs = await redis.pttl(key);
        if (remainingMs > 0) breaker.adopt(remainingMs);
      }),
    );
  }

  #announce(key: string, forMs: number): void {
    if (forMs > 0) this.#redis?.set(key, "open", "PX", Math.ceil(forMs)).catch(() => {});
  }
}
