import type { Cluster, Redis } from "ioredis";
import { Breaker, type BreakerState } from "./breaker.ts";

/** Models are few; should an agent make up their names, the longest known are forgotten. */
const KEPT = 1_000;
const SHARE_INTERVAL_MS = 1_000;

export interface BreakerReport {
  provider: string;
  model: string;
  state: BreakerState;
}

interface Entry {
  provider: string;
  model: string;
  breaker: Breaker;
}

/**
 * One breaker per (provider, model). With Redis an opening spreads to the other workers within about a second: a key per open
 * breaker that lives as long as it is open, so that nothing depends on clocks agreeing. Without, each worker learns for itself.
 */
export class Breakers {
  readonly #entries = new Map<string, Entry>();
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
