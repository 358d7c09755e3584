import { setTimeout as sleep } from "node:timers/promises";
import { scrape, sumOf } from "./edge-probe.ts";

const SECOND_MS = 1_000;

/** Counts the signals all edges send to Temporal, repeats too, second by second from its creation on. */
export class SignalRate {
  readonly #ending = new AbortController();
  readonly #counting: Promise<number[]>;

  constructor(edgeUrls: readonly string[]) {
    this.#counting = this.#count(edgeUrls);
  }

  async end(): Promise<number[]> {
    this.#ending.abort();
    return this.#counting;
  }

  async #count(edgeUrls: readonly string[]): Promise<number[]> {
    const { signal } = this.#ending;
    const perSecond: number[] = [];
    for (let before = await signalsSent(edgeUrls); !signal.aborted;) {
      await sleep(SECOND_MS, undefined, { signal }).catch(() => undefined);
      const now = await signalsSent(edgeUrls);
      perSecond.push(now - before);
      before = now;
    }
    return perSecond;
  }
}

async function signalsSent(edgeUrls: readonly string[]): Promise<number> {
  const pages = await Promise.all(edgeUrls.map(scrape));
  return pages.reduce((sum, page) => sum + sumOf(page, "holdfast_edge_batch_events_count"), 0);
}
