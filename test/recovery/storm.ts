import { randomUUID } from "node:crypto";
import { Child } from "../kit/child-process.ts";
import { does, program, whole, wholeOrNone } from "../kit/command-line.ts";
import { type Fixture, startFixture, withUndo } from "../kit/fixture.ts";
import { scrape } from "../kit/metrics.ts";
import { edgeCounts, type EdgePeaks, EdgeProbe } from "../kit/probes.ts";
import { kibibytes, mebibytes } from "../kit/report.ts";
import { quantile, sum } from "../kit/statistics.ts";
import { withRedis } from "./servers.ts";
import { reportSchema, type StormOrder, type StormPlan } from "./storm-process.ts";

/** They are shared out over so many `processes`, so that this one is not what is measured. */
type StormOptions = Omit<StormPlan, "edges" | "jwtSecret" | "label" | "index">;

export interface Strike {
  /** Which edge dies: 0 is the first. */
  edge: number;
  /** Redis is emptied in the same moment. */
  cold: boolean;
  /** So many clients say something when all is over, and must be answered. */
  calls: number;
}

export type Storm = Awaited<ReturnType<typeof gatherStorm>>;
type StormResult = Awaited<ReturnType<typeof strikeEdge>>;

/** Bounds on a hang, not on the speed of a machine. */
const GATHER_MS = 1_200_000;
const HANG_MS = 300_000;
const PROCESS = new URL("./storm-process.ts", import.meta.url);

/** Fills edges with clients, to be killed one after another. Resolves when every client is there and has had an answer. */
export function gatherStorm({ stack }: Fixture, options: StormOptions) {
  return withUndo(async (undo) => {
    const plan = { ...options, edges: stack.edgeUrls, jwtSecret: stack.jwtSecret, label: randomUUID() };
    const starting = Array.from({ length: options.processes }, async (_, index) => {
      const child = await Child.start(PROCESS, { ...plan, index });
      undo(() => child.kill());
      return child;
    });
    const processes = await Promise.all(starting);
    const probe = new EdgeProbe(stack.edgeUrls);
    undo(() => probe.stop());
    /** Resolves to the answers when every process has done it. */
    const tell = (order: StormOrder, withinMs = HANG_MS): Promise<unknown[]> =>
      Promise.all(processes.map((child) => child.tell(order, withinMs)));
    await tell({ order: "gather" }, GATHER_MS);
    return { stack, processes: options.processes, probe, tell };
  });
}

/** Kills an edge, and waits until every client reads and is answered again. */
export async function strikeEdge({ stack, processes, probe, tell }: Storm, { edge, cold, calls }: Strike) {
  const struck = stack.edgeUrls[edge] ?? "";
  /** What was not done in any reasonable time: a finding, and what else there is to see of it is worth having. */
  const hangs: string[] = [];
  const attempt = async (order: StormOrder): Promise<void> => {
    await tell(order).catch((error: unknown) => hangs.push(String(error)));
  };
  const counters = async (urls: readonly string[]) =>
    new Map(await Promise.all(urls.map(async (url) => [url, await scrape(url)] as const)));

  await tell({ order: "brace", struck });
  const atStrike = await counters(stack.edgeUrls.filter((url) => url !== struck));
  const before = probe.takePeaks();
  const struckAt = Date.now();
  const flushed = cold ? withRedis(stack.redisUrl, (redis) => redis.flushall()) : undefined;
  await Promise.all([stack.kill(`edge-${edge + 1}`), flushed]);
  await attempt({ order: "settle" });
  const storm = probe.takePeaks();
  await stack.whenReady(`edge-${edge + 1}`);
  const settled = await counters(stack.edgeUrls);
  await attempt({ order: "call", clients: Math.ceil(calls / processes) });
  const peaks = { before, storm, after: probe.takePeaks() };
  const reports = (await tell({ order: "report" })).map((report) => reportSchema.parse(report));
  /** Since the strike, by edge; of the one that died, since it began again. */
  const counts = new Map([...settled].map(([url, samples]) => [url, edgeCounts(samples, atStrike.get(url))]));
  return { hangs, struckAt, clients: reports.flatMap(({ clients }) => clients), processes: reports, counts, peaks };
}

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
function printStorm(result: StormResult): void {
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

type CommandOptions = StormOptions & Omit<Strike, "edge"> & { edges: number };

export const stormCommand = program("recovery", "An edge is killed, and all of its clients come back at once.")
  .name("storm")
  .option("--clients <n>", "clients, each with a session of its own", whole, 2_000)
  .option("--edges <n>", "edges, the one that dies included", whole, 2)
  .option("--processes <n>", "processes that hold the clients", whole, 2)
  .option("--streams <n>", "clients that have an answer streaming when it happens", wholeOrNone, 20)
  .option("--stream-script <directives>", "the model's script for those answers", "tokens=150,slow=100ms")
  .option("--spread", "clients on all edges; else all are on the one that dies")
  .option("--one-subject", "all clients with tokens of one subject")
  .option("--cold", "Redis is emptied in the same moment", false)
  .option("--calls <n>", "clients that say something when all is over, and must be answered", wholeOrNone, 200);

does(stormCommand, async ({ edges, cold, calls, ...options }: CommandOptions) => {
  const fixture = await startFixture({ edges });
  try {
    console.error(`  ${options.clients} clients connect, and each has an answer`);
    const storm = await gatherStorm(fixture, options);
    console.error(cold ? "  an edge dies, and Redis forgets everything" : "  an edge dies");
    const result = await strikeEdge(storm, { edge: 0, cold, calls });
    await storm.close();
    printStorm(result);
    const { struck, back, breaks, wrong, hangs, snapshots, queries } = stormFigures(result);
    const isWhole = struck > 0 && back === struck && breaks === 0 && wrong.length + hangs.length === 0;
    return isWhole && (cold || snapshots + queries === 0) ? 0 : 1;
  } finally {
    await fixture.close();
  }
});
