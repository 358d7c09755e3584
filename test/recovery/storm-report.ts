import { kibibytes, mebibytes } from "../kit/report.ts";
import type { EdgePeaks } from "../kit/probes.ts";
import { quantile, sum } from "../kit/statistics.ts";
import type { StormResult } from "./storm.ts";

/** The attempts of this many milliseconds are one bar. */
const BAR_MS = 100;

export function stormFigures({ hangs, struckAt, clients, counts }: StormResult) {
  const struck = clients.filter(({ wasStruck }) => wasStruck);
  const open = struck.flatMap(({ openAt }) => (openAt === null ? [] : [openAt - struckAt]));
  const attempts = clients.flatMap((client) => client.attempts.map(({ at }) => at - struckAt));
  const histogram = histogramOf(attempts);
  const seconds = histogram.map((_, first) => sum(histogram.slice(first, first + 1_000 / BAR_MS), (count) => count));
  const failures: Record<string, number> = {};
  for (const [code, count] of clients.flatMap((client) => Object.entries(client.failures)))
    failures[code] = (failures[code] ?? 0) + count;
  const edges = [...counts.values()];
  return {
    struck: struck.length,
    back: open.length,
    /** Milliseconds from the strike until so many of the struck read again. */
    openMs: { p50: quantile(open, 0.5), p99: quantile(open, 0.99), all: quantile(open, 1) },
    attempts: attempts.length,
    mostAttemptsInASecond: Math.max(0, ...seconds),
    /** Attempts in each 100 ms since the strike. */
    histogram,
    failures,
    snapshots: sum(clients, (client) => client.snapshots),
    breaks: sum(clients, (client) => client.breaks),
    wrong: clients.flatMap((client) => client.wrong),
    hangs,
    queries: sum(edges, (each) => each.queries),
    /** The most any edge did. */
    queriesAtOnce: Math.max(0, ...edges.map((each) => each.queriesAtOnce)),
  };
}

/** For people, on standard output. */
export function printStorm(result: StormResult): void {
  const { histogram, ...rest } = stormFigures(result);
  console.log(JSON.stringify(rest, null, 1));
  console.log("Attempts to connect in each 100 ms after the edge died:");
  printHistogram(histogram);
  console.log("What they had decided to wait before their first attempt, whatever the machine then made of it:");
  printHistogram(histogramOf(result.clients.flatMap(({ attempts }) => attempts[0]?.waitedMs ?? [])));
  console.log("What the edges counted since then (the one that died: since it was started again):");
  console.table(Object.fromEntries(result.counts));
  for (const [phase, peaks] of Object.entries(result.peaks)) {
    console.log(`Peaks ${phase === "storm" ? "during the storm" : phase}:`);
    console.table(Object.fromEntries([...peaks].map(([url, peak]) => [url, readable(peak)])));
  }
  console.log("The processes that hold the clients:");
  console.table(
    result.processes.map(({ clients, rssBytes, cpuSeconds, loopStallMs }) => ({
      clients: clients.length,
      "RSS MiB": mebibytes(rssBytes),
      "CPU s": Number(cpuSeconds.toFixed(1)),
      "longest stall ms": Math.round(loopStallMs),
    })),
  );
}

function printHistogram(histogram: readonly number[]): void {
  const highest = Math.max(1, ...histogram);
  for (const [index, count] of histogram.entries()) {
    if (count === 0) continue;
    const bar = "#".repeat(Math.ceil((60 * count) / highest));
    console.log(`${String(index * BAR_MS).padStart(7)} ms ${String(count).padStart(5)} ${bar}`);
  }
}

function readable(peak: EdgePeaks): Record<string, number> {
  return {
    connections: peak.connections,
    "RSS MiB": mebibytes(peak.rssBytes),
    "heap MiB": mebibytes(peak.heapBytes),
    "loop stall ms": Math.round(peak.loopStallMs),
    "outgoing KiB": kibibytes(peak.outgoingBytes),
    "slowest readyz ms": Math.round(peak.readyMs),
    "not ready": peak.notReady,
  };
}

function histogramOf(times: readonly number[]): number[] {
  const bars = times.map((time) => Math.max(0, Math.floor(time / BAR_MS)));
  const histogram = Array.from({ length: Math.max(-1, ...bars) + 1 }, () => 0);
  for (const bar of bars) histogram[bar] = (histogram[bar] ?? 0) + 1;
  return histogram;
}
