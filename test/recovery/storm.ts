import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import type { Scene } from "../conformance/stack.ts";
import { EdgeProbe, type EdgePeaks, scrape, type Samples } from "./edge-probe.ts";
import { StormCrowds } from "./storm-crowds.ts";
import { type EdgeCounts, edgeCounts } from "./storm-counts.ts";
import type { CrowdPlan, CrowdReport, Order, VisitorRecord } from "./storm-protocol.ts";

export interface StormPlan {
  clients: number;
  /** They are shared out over so many processes. */
  processes: number;
  /** Clients with an answer streaming when the edge dies, and the model's script for it. */
  streams: number;
  streamScript: string;
  connectsPerSecond: number;
  /** All clients on the edge that dies, or as many on each. */
  spread: boolean;
  oneSubject: boolean;
  /** Redis is emptied in the moment the edge dies. */
  cold: boolean;
  /** So many of them say something when all is over, and must be answered. */
  calls: number;
}

export interface StormResult {
  /** What was not done in any reasonable time; empty when all was. */
  hangs: string[];
  /** Unix milliseconds. */
  struckAt: number;
  visitors: VisitorRecord[];
  crowds: CrowdReport[];
  /** Since the strike, by edge; of the one that died, since it began again. */
  counts: Map<string, EdgeCounts>;
  peaks: { before: Map<string, EdgePeaks>; storm: Map<string, EdgePeaks>; after: Map<string, EdgePeaks> };
}

/** Bounds on a hang, not on the speed of a machine. */
const GATHER_MS = 1_200_000;
const HANG_MS = 300_000;

/** Fills the first edge with clients, kills it, and waits until every client reads and is answered again. */
export async function storm(scene: Scene, plan: StormPlan, onPhase: (phase: string) => void): Promise<StormResult> {
  const { edgeUrls } = scene.stack;
  const struck = edgeUrls[0] ?? "";
  const crowds = new StormCrowds(shareOut(scene, plan));
  const probe = new EdgeProbe(edgeUrls);
  const hangs: string[] = [];
  const attempt = async (order: Order): Promise<void> => {
    await crowds.order(order, HANG_MS).catch((error: unknown) => hangs.push(String(error)));
  };
  try {
    onPhase(`${plan.clients} clients connect, and each has an answer`);
    await crowds.order({ order: "gather" }, GATHER_MS);
    await crowds.order({ order: "stream" }, HANG_MS);
    await crowds.order({ order: "mark", struck }, HANG_MS);
    const atStrike = await countersOf(edgeUrls.filter((url) => url !== struck));
    const before = probe.takePeaks();

    onPhase(plan.cold ? "the edge dies, and Redis forgets everything" : "the edge dies");
    const struckAt = Date.now();
    await Promise.all([scene.stack.kill("edge-1"), plan.cold ? flush(scene.stack.redisUrl) : undefined]);
    await attempt({ order: "settle" });
    const during = probe.takePeaks();
    await scene.stack.whenReady("edge-1");
    const settled = await countersOf(edgeUrls);

    onPhase(`${plan.calls} of them say something again`);
    await attempt({ order: "call", visitors: Math.ceil(plan.calls / plan.processes) });
    const after = probe.takePeaks();
    const reports = await crowds.reports();
    const counts = new Map([...settled].map(([url, samples]) => [url, edgeCounts(samples, atStrike.get(url))]));
    const visitors = reports.flatMap((report) => report.visitors);
    return { hangs, struckAt, visitors, crowds: reports, counts, peaks: { before, storm: during, after } };
  } finally {
    crowds.stop();
    await probe.stop();
  }
}

function shareOut({ stack }: Scene, plan: StormPlan): CrowdPlan[] {
  const share = (whole: number, index: number): number =>
    Math.floor((whole * (index + 1)) / plan.processes) - Math.floor((whole * index) / plan.processes);
  const label = randomUUID();
  let first = 0;
  return Array.from({ length: plan.processes }, (_, index) => {
    const count = share(plan.clients, index);
    const crowd: CrowdPlan = {
      edges: [...stack.edgeUrls],
      jwtSecret: stack.jwtSecret,
      label,
      first,
      count,
      connectsPerSecond: plan.connectsPerSecond / plan.processes,
      streams: share(plan.streams, index),
      streamScript: plan.streamScript,
      onFirstEdge: !plan.spread,
      oneSubject: plan.oneSubject,
    };
    first += count;
    return crowd;
  });
}

async function countersOf(urls: readonly string[]): Promise<Map<string, Samples>> {
  return new Map(await Promise.all(urls.map(async (url) => [url, await scrape(url)] as const)));
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}
