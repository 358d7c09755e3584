import { type Samples, sumOf } from "./edge-probe.ts";

/** What an edge counted. */
export interface EdgeCounts {
  connects: number;
  refused: number;
  snapshotsFromCache: number;
  snapshotsFromQuery: number;
  queries: number;
  /** No more Queries than this were in flight at once, up to the next bucket of the histogram. */
  queriesAtOnce: number;
  resyncs: number;
  cpuSeconds: number;
}

/** `before`: samples of the same process to count from; left out, from its start. */
export function edgeCounts(samples: Samples, before: Samples = new Map()): EdgeCounts {
  const since = (name: string, ...labels: string[]): number =>
    sumOf(samples, name, ...labels) - sumOf(before, name, ...labels);
  return {
    connects: since("holdfast_edge_connects_total"),
    refused: since("holdfast_edge_refused_total"),
    snapshotsFromCache: since("holdfast_edge_snapshots_total", 'source="cache"'),
    snapshotsFromQuery: since("holdfast_edge_snapshots_total", 'source="query"'),
    queries: since("holdfast_edge_queries_total"),
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
