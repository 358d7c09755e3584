import { setTimeout as sleep } from "node:timers/promises";

/** Prometheus samples by name and labels, as the text format writes them: `name{label="value"}`. */
export type Samples = ReadonlyMap<string, number>;

/** The most and the worst an edge showed while it was watched. */
export interface EdgePeaks {
  rssBytes: number;
  heapBytes: number;
  externalBytes: number;
  /** Longest time its event loop stood still, as it says itself. */
  loopStallMs: number;
  outgoingBytes: number;
  largestSocketBytes: number;
  connections: number;
  /** Slowest answer to /readyz, and how often it was not ready or did not answer. */
  readyMs: number;
  notReady: number;
}

const INTERVAL_MS = 250;
/** An edge that does not answer its probe for so long would be taken out by any balancer. */
const PATIENCE_MS = 10_000;

/** Watches edges from outside, as a balancer and Prometheus do. */
export class EdgeProbe {
  readonly #urls: readonly string[];
  readonly #ending = new AbortController();
  readonly #watching: Promise<void>[];
  #peaks: Map<string, EdgePeaks>;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.#peaks = new Map(urls.map((url) => [url, nothing()]));
    this.#watching = urls.map((url) => this.#watch(url));
  }

  /** What was seen since the last call, by URL. */
  takePeaks(): Map<string, EdgePeaks> {
    const peaks = this.#peaks;
    this.#peaks = new Map(this.#urls.map((url) => [url, nothing()]));
    return peaks;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watching);
  }

  async #watch(url: string): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const began = performance.now();
      const isReady = await ready(url);
      const readyMs = performance.now() - began;
      const samples = await scrape(url);
      const peaks = this.#peaks.get(url);
      if (peaks !== undefined) raise(peaks, samples, readyMs, isReady);
      await sleep(INTERVAL_MS);
    }
  }
}

/** Empty when the edge does not answer. */
export async function scrape(url: string): Promise<Samples> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return parseSamples(await response.text());
  } catch {
    return new Map();
  }
}

/** Sum over all samples of a metric that have all of these labels. */
export function sumOf(samples: Samples, name: string, ...labels: readonly string[]): number {
  let sum = 0;
  for (const [key, value] of samples) {
    const isOf = key === name || key.startsWith(`${name}{`);
    if (isOf && labels.every((label) => key.includes(label))) sum += value;
  }
  return sum;
}

function parseSamples(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const end = line.lastIndexOf(" ");
    if (!line.startsWith("#") && end > 0) samples.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return samples;
}

async function ready(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

function raise(peaks: EdgePeaks, samples: Samples, readyMs: number, isReady: boolean): void {
  const most = (before: number, name: string, factor = 1): number => Math.max(before, factor * sumOf(samples, name));
  peaks.rssBytes = most(peaks.rssBytes, "process_resident_memory_bytes");
  peaks.heapBytes = most(peaks.heapBytes, "nodejs_heap_size_used_bytes");
  peaks.externalBytes = most(peaks.externalBytes, "nodejs_external_memory_bytes");
  peaks.loopStallMs = most(peaks.loopStallMs, "nodejs_eventloop_lag_max_seconds", 1_000);
  peaks.outgoingBytes = most(peaks.outgoingBytes, "holdfast_edge_outgoing_bytes");
  peaks.largestSocketBytes = most(peaks.largestSocketBytes, "holdfast_edge_socket_buffered_bytes");
  peaks.connections = most(peaks.connections, "holdfast_edge_connections");
  peaks.readyMs = Math.max(peaks.readyMs, readyMs);
  if (!isReady) peaks.notReady++;
}

function nothing(): EdgePeaks {
  return {
    rssBytes: 0,
    heapBytes: 0,
    externalBytes: 0,
    loopStallMs: 0,
    outgoingBytes: 0,
    largestSocketBytes: 0,
    connections: 0,
    readyMs: 0,
    notReady: 0,
  };
}
