import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { Child } from "../kit/child-process.ts";
import { does, program, whole, wholeOrNone } from "../kit/command-line.ts";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { type Samples, scrape } from "../kit/metrics.ts";
import { type EdgeCounts, edgeCounts, type EdgePeaks, EdgeProbe } from "../kit/probes.ts";
import type { StormRecord } from "./storm-client.ts";
import { reportSchema, type StormOrder, type StormProcessPlan, type StormProcessReport } from "./storm-process.ts";
import { printStorm, stormFigures } from "./storm-report.ts";

export interface StormOptions {
  clients: number;
  /** They are shared out over so many processes, so that this one is not what is measured. */
  processes: number;
  /** Clients with an answer streaming when an edge dies, and the model's script for it. */
  streams: number;
  streamScript: string;
  /** All clients on the first edge, or as many on each. */
  spread?: boolean;
  oneSubject?: boolean;
  onPhase?: (phase: string) => void;
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
  clients: StormRecord[];
  processes: StormProcessReport[];
  /** Since the strike, by edge; of the one that died, since it began again. */
  counts: Map<string, EdgeCounts>;
  peaks: { before: Map<string, EdgePeaks>; storm: Map<string, EdgePeaks>; after: Map<string, EdgePeaks> };
}

/** Bounds on a hang, not on the speed of a machine. */
const GATHER_MS = 1_200_000;
const HANG_MS = 300_000;
const REPORT_MS = 60_000;
const PROCESS = new URL("./storm-process.ts", import.meta.url);

/** Edges full of clients, to be killed one after another. */
export class Storm {
  readonly #fixture: Fixture;
  readonly #processes: readonly Child[];
  readonly #probe: EdgeProbe;
  readonly #onPhase: (phase: string) => void;

  private constructor(fixture: Fixture, processes: readonly Child[], onPhase: (phase: string) => void) {
    this.#fixture = fixture;
    this.#processes = processes;
    this.#onPhase = onPhase;
    this.#probe = new EdgeProbe(fixture.stack.edgeUrls);
  }

  /** Resolves when every client is there and has had an answer. */
  static async gather(fixture: Fixture, options: StormOptions): Promise<Storm> {
    const { onPhase = () => undefined } = options;
    const processes = await Promise.all(shareOut(fixture, options).map((plan) => Child.start(PROCESS, plan)));
    const storm = new Storm(fixture, processes, onPhase);
    onPhase(`${options.clients} clients connect, and each has an answer`);
    try {
      await storm.#order({ order: "gather" }, GATHER_MS);
    } catch (error) {
      await storm.stop();
      throw error;
    }
    return storm;
  }

  /** Kills an edge, and waits until every client reads and is answered again. */
  async strike({ edge, cold, calls }: Strike): Promise<StormResult> {
    const { stack } = this.#fixture;
    const struck = stack.edgeUrls[edge] ?? "";
    await this.#order({ order: "stream" });
    await this.#order({ order: "mark", struck });
    const atStrike = await countersOf(stack.edgeUrls.filter((url) => url !== struck));
    const before = this.#probe.takePeaks();

    this.#onPhase(cold ? "an edge dies, and Redis forgets everything" : "an edge dies");
    const struckAt = Date.now();
    await Promise.all([stack.kill(`edge-${edge + 1}`), cold ? flush(stack.redisUrl) : undefined]);
    const hangs = await this.#attempt({ order: "settle" });
    const during = this.#probe.takePeaks();
    await stack.whenReady(`edge-${edge + 1}`);
    const settled = await countersOf(stack.edgeUrls);

    this.#onPhase(`${calls} of them say something again`);
    hangs.push(...(await this.#attempt({ order: "call", clients: Math.ceil(calls / this.#processes.length) })));
    const after = this.#probe.takePeaks();
    const answers = await Promise.all(this.#processes.map((one) => one.tell({ order: "report" }, REPORT_MS)));
    const processes = answers.map((answer) => reportSchema.parse(answer));
    return {
      hangs,
      struckAt,
      clients: processes.flatMap(({ clients }) => clients),
      processes,
      counts: new Map([...settled].map(([url, samples]) => [url, edgeCounts(samples, atStrike.get(url))])),
      peaks: { before, storm: during, after },
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.kill()));
    await this.#probe.stop();
  }

  /** Resolves when every process has done it. */
  async #order(order: StormOrder, withinMs = HANG_MS): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.tell(order, withinMs)));
  }

  /** A hang is a finding, and what else there is to see of it is worth having. */
  async #attempt(order: StormOrder): Promise<string[]> {
    return this.#order(order).then(
      () => [],
      (error: unknown) => [String(error)],
    );
  }
}

function shareOut({ stack }: Fixture, options: StormOptions): StormProcessPlan[] {
  const { clients, processes, streams, streamScript, spread = false, oneSubject = false } = options;
  const upTo = (all: number, index: number): number => Math.floor((all * index) / processes);
  const share = (all: number, index: number): number => upTo(all, index + 1) - upTo(all, index);
  const [edges, label] = [[...stack.edgeUrls], randomUUID()];
  const same = { edges, jwtSecret: stack.jwtSecret, label, streamScript, onFirstEdge: !spread, oneSubject };
  return Array.from({ length: processes }, (_, index) => {
    return { ...same, first: upTo(clients, index), count: share(clients, index), streams: share(streams, index) };
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

interface CommandOptions extends StormOptions {
  edges: number;
  cold?: boolean;
  calls: number;
}

export const stormCommand = program("recovery", "An edge is killed, and all of its clients come back at once.")
  .name("storm")
  .option("--clients <n>", "clients, each with a session of its own", whole, 2_000)
  .option("--edges <n>", "edges, the one that dies included", whole, 2)
  .option("--processes <n>", "processes that hold the clients", whole, 2)
  .option("--streams <n>", "clients that have an answer streaming when it happens", wholeOrNone, 20)
  .option("--stream-script <directives>", "the model's script for those answers", "tokens=150,slow=100ms")
  .option("--spread", "clients on all edges; else all are on the one that dies")
  .option("--one-subject", "all clients with tokens of one subject")
  .option("--cold", "Redis is emptied in the same moment")
  .option("--calls <n>", "clients that say something when all is over, and must be answered", wholeOrNone, 200);

does(stormCommand, async ({ edges, cold = false, calls, ...options }: CommandOptions) => {
  const fixture = await startFixture({ edges });
  try {
    const storm = await Storm.gather(fixture, { ...options, onPhase: (phase) => console.error(`  ${phase}`) });
    const result = await storm.strike({ edge: 0, cold, calls });
    await storm.stop();
    printStorm(result);
    const { struck, back, breaks, wrong, hangs, snapshots, queries } = stormFigures(result);
    const isWhole = struck > 0 && back === struck && breaks === 0 && wrong.length + hangs.length === 0;
    return isWhole && (cold || snapshots + queries === 0) ? 0 : 1;
  } finally {
    await fixture.close();
  }
});
