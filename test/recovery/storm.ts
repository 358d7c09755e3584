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
  /** Clients with an answer streaming when an edge dies, and the model's script for it. */
  streams: number;
  streamScript: string;
  /** All clients on the first edge, or as many on each. */
  spread: boolean;
  oneSubject: boolean;
}

export interface Strike {
  /** Which edge dies: 0 is the first. */
  edge: number;
  /** Redis is emptied in the same moment. */
  cold: boolean;
  /** So many clients say something when all is over, and must be answered. */
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

/** Edges full of clients, to be killed one after another. */
export class Storm {
  readonly #scene: Scene;
  readonly #crowds: StormCrowds;
  readonly #probe: EdgeProbe;
  readonly #onPhase: (phase: string) => void;

  private constructor(scene: Scene, plan: StormPlan, onPhase: (phase: string) => void) {
    this.#scene = scene;
    this.#onPhase = onPhase;
    this.#crowds = new StormCrowds(shareOut(scene, plan));
    this.#probe = new EdgeProbe(scene.stack.edgeUrls);
  }

  /** Resolves when every client is there and has had an answer. */
  static async gather(scene: Scene, plan: StormPlan, onPhase: (phase: string) => void): Promise<Storm> {
    const storm = new Storm(scene, plan, onPhase);
    onPhase(`${plan.clients} clients connect, and each has an answer`);
    try {
      await storm.#crowds.order({ order: "gather" }, GATHER_MS);
    } catch (error) {
      await storm.stop();
      throw error;
    }
    return storm;
  }

  /** Kills an edge, and waits until every client reads and is answered again. */
  async strike({ edge, cold, calls }: Strike): Promise<StormResult> {
    const { stack } = this.#scene;
    const struck = stack.edgeUrls[edge] ?? "";
    const others = stack.edgeUrls.filter((url) => url !== struck);
    await this.#crowds.order({ order: "stream" }, HANG_MS);
    await this.#crowds.order({ order: "mark", struck }, HANG_MS);
    const atStrike = await countersOf(others);
    const before = this.#probe.takePeaks();

    this.#onPhase(cold ? "an edge dies, and Redis forgets everything" : "an edge dies");
    const struckAt = Date.now();
    await Promise.all([stack.kill(`edge-${edge + 1}`), cold ? flush(stack.redisUrl) : undefined]);
    const hangs = await this.#attempt({ order: "settle" });
    const during = this.#probe.takePeaks();
    await stack.whenReady(`edge-${edge + 1}`);
    const settled = await countersOf(stack.edgeUrls);

    this.#onPhase(`${calls} of them say something again`);
    hangs.push(...(await this.#attempt({ order: "call", visitors: Math.ceil(calls / this.#crowds.size) })));
    const after = this.#probe.takePeaks();
    const crowds = await this.#crowds.reports();
    return {
      hangs,
      struckAt,
      visitors: crowds.flatMap(({ visitors }) => visitors),
      crowds,
      counts: new Map([...settled].map(([url, samples]) => [url, edgeCounts(samples, atStrike.get(url))])),
      peaks: { before, storm: during, after },
    };
  }

  async stop(): Promise<void> {
    this.#crowds.stop();
    await this.#probe.stop();
  }

  /** A hang is a finding, and what else there is to see of it is worth having. */
  async #attempt(order: Order): Promise<string[]> {
    return this.#crowds.order(order, HANG_MS).then(
      () => [],
      (error: unknown) => [String(error)],
    );
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
