import { readFile } from "node:fs/promises";
import type { Stack } from "@holdfast/stack/stack";
import { ANSWER_MS, type Samples, scrape, sumOf } from "./metrics.ts";
import { mebibytes } from "./report.ts";
import { sum } from "./statistics.ts";
import { repeatedly } from "./wait.ts";

/** The most and the worst an edge showed while it was watched. */
export class EdgePeaks {
  rssBytes = 0;
  heapBytes = 0;
  externalBytes = 0;
  /** Longest time its event loop stood still, as it says itself. */
  loopStallMs = 0;
  outgoingBytes = 0;
  largestSocketBytes = 0;
  connections = 0;
  /** Slowest answer to /readyz, and how often it was not ready or did not answer. */
  readyMs = 0;
  notReady = 0;
}

const GAUGES: readonly [peak: keyof EdgePeaks, metric: string, factor: number][] = [
  ["rssBytes", "process_resident_memory_bytes", 1],
  ["heapBytes", "nodejs_heap_size_used_bytes", 1],
  ["externalBytes", "nodejs_external_memory_bytes", 1],
  ["loopStallMs", "nodejs_eventloop_lag_max_seconds", 1_000],
  ["outgoingBytes", "holdfast_edge_outgoing_bytes", 1],
  ["largestSocketBytes", "holdfast_edge_socket_buffered_bytes", 1],
  ["connections", "holdfast_edge_connections", 1],
];
const EDGE_EVERY_MS = 250;

/** Watches edges from outside, as a balancer and Prometheus do, from its creation on. */
export class EdgeProbe {
  readonly #peaks: Map<string, EdgePeaks>;
  readonly #stops: (() => Promise<void>)[];

  constructor(urls: readonly string[]) {
    this.#peaks = new Map(urls.map((url) => [url, new EdgePeaks()]));
    this.#stops = urls.map((url) => repeatedly(EDGE_EVERY_MS, () => this.#look(url)));
  }

  /** What was seen since the last call, by URL. */
  takePeaks(): Map<string, EdgePeaks> {
    const peaks = new Map(this.#peaks);
    for (const url of peaks.keys()) this.#peaks.set(url, new EdgePeaks());
    return peaks;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
  }

  async #look(url: string): Promise<void> {
    const began = performance.now();
    const isReady = await ready(url);
    const readyMs = performance.now() - began;
    const samples = await scrape(url);
    const peaks = this.#peaks.get(url);
    if (peaks === undefined) return;
    for (const [peak, metric, factor] of GAUGES) peaks[peak] = Math.max(peaks[peak], factor * sumOf(samples, metric));
    peaks.readyMs = Math.max(peaks.readyMs, readyMs);
    if (!isReady) peaks.notReady++;
  }
}

async function ready(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

/** What an edge counted; see `edgeCounts`. */
export type EdgeCounts = ReturnType<typeof edgeCounts>;

/** `before`: samples of the same process to count from; left out, from its start. */
export function edgeCounts(samples: Samples, before: Samples = new Map()) {
  const since = (name: string, ...labels: string[]): number =>
    sumOf(samples, name, ...labels) - sumOf(before, name, ...labels);
  return {
    connects: since("holdfast_edge_connects_total"),
    refused: since("holdfast_edge_refused_total"),
    snapshotsFromCache: since("holdfast_edge_snapshots_total", 'source="cache"'),
    snapshotsFromQuery: since("holdfast_edge_snapshots_total", 'source="query"'),
    queries: since("holdfast_edge_queries_total"),
    /** No more Queries than this were in flight at once, up to the next bucket of the histogram. */
    queriesAtOnce: mostAtOnce(samples, before),
    resyncs: since("holdfast_edge_resyncs_total"),
    cpuSeconds: Number(since("process_cpu_seconds_total").toFixed(1)),
  };
}

/** The bound of the highest bucket anything fell into since `before`. */
function mostAtOnce(samples: Samples, before: Samples): number {
  let most = 0;
  let below = 0;
  for (const [key, value] of samples) {
    const bound = /^holdfast_edge_queries_at_once_bucket\{.*le="([^"]+)"/.exec(key)?.[1];
    if (bound === undefined) continue;
    const count = value - (before.get(key) ?? 0);
    if (count > below) most = Number(bound === "+Inf" ? Number.POSITIVE_INFINITY : bound);
    below = count;
  }
  return most;
}

/** Counts the signals all edges send to Temporal, repeats too, second by second; what this gives ends it. */
export function countSignals(edgeUrls: readonly string[]): () => Promise<number[]> {
  const counted: number[] = [];
  const stop = repeatedly(1_000, async () => {
    const pages = await Promise.all(edgeUrls.map(scrape));
    counted.push(sum(pages, (page) => sumOf(page, "holdfast_edge_batch_events_count")));
  });
  return async () => {
    await stop();
    return counted.slice(1).map((count, index) => count - (counted[index] ?? 0));
  };
}

/** Resident memory of one process in MiB, and how often it ended. */
export interface MemoryFigures {
  before: number;
  peak: number;
  after: number;
  exits: number;
}

/** Watches the memory of every process of a stack, and whether one ends, until what this gives is called. */
export async function watchMemory(stack: Stack): Promise<() => Promise<Record<string, MemoryFigures>>> {
  const figures: Record<string, MemoryFigures> = {};
  const note = async (): Promise<void> => {
    for (const [name, { rssBytes }] of Object.entries(await stack.usage())) {
      const now = mebibytes(rssBytes);
      const of = (figures[name] ??= { before: now, peak: now, after: now, exits: 0 });
      of.after = now;
      of.peak = Math.max(of.peak, now);
    }
  };
  await note();
  const stop = repeatedly(500, note);
  return async () => {
    await stop();
    await note();
    for (const { name, restarts } of stack.children()) if (figures[name]) figures[name].exits = restarts;
    return figures;
  };
}

/** What the kernel holds for a server's connections. Bytes. */
export interface KernelQueues {
  /** Written by the server and not acknowledged by the other side's kernel: in the server's send buffers. */
  sending: number;
  mostSending: number;
  /** Acknowledged and not read by the client: in receive buffers, which are another machine's but for these tests. */
  received: number;
}

/** Undefined where there is no /proc. `port`: the server's. */
export async function kernelQueues(port: number): Promise<KernelQueues | undefined> {
  const table = await readFile("/proc/net/tcp", "utf8").catch(() => undefined);
  if (table === undefined) return undefined;
  const queues: KernelQueues = { sending: 0, mostSending: 0, received: 0 };
  const portOf = (address = ""): number => Number.parseInt(address.split(":")[1] ?? "", 16);
  for (const line of table.split("\n").slice(1)) {
    const [, local, remote, , sizes = ""] = line.trim().split(/\s+/);
    const [sending = 0, received = 0] = sizes.split(":").map((hex) => Number.parseInt(hex, 16) || 0);
    if (portOf(local) === port) {
      queues.sending += sending;
      queues.mostSending = Math.max(queues.mostSending, sending);
    }
    if (portOf(remote) === port) queues.received += received;
  }
  return queues;
}
