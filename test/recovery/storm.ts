import { randomUUID } from "node:crypto";
import { Child } from "../kit/child-process.ts";
import { does, program, whole, wholeOrNone } from "../kit/command-line.ts";
import { type Fixture, startFixture, withUndo } from "../kit/fixture.ts";
import { scrape } from "../kit/metrics.ts";
import { edgeCounts, EdgeProbe } from "../kit/probes.ts";
import { withRedis } from "./servers.ts";
import { reportSchema, type StormOrder, type StormPlan } from "./storm-process.ts";
import { printStorm, stormFigures } from "./storm-report.ts";

/** They are shared out over so many `processes`, so that this one is not what is measured. */
export interface StormOptions extends Omit<StormPlan, "edges" | "jwtSecret" | "label" | "index"> {
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

export type Storm = Awaited<ReturnType<typeof gatherStorm>>;
export type StormResult = Awaited<ReturnType<Storm["strike"]>>;

/** Bounds on a hang, not on the speed of a machine. */
const GATHER_MS = 1_200_000;
const HANG_MS = 300_000;
const PROCESS = new URL("./storm-process.ts", import.meta.url);

/** Fills edges with clients, to be killed one after another. Resolves when every client is there and has had an answer. */
export function gatherStorm({ stack }: Fixture, { onPhase = () => undefined, ...options }: StormOptions) {
  return withUndo(async (undo) => {
    const plan = { ...options, edges: stack.edgeUrls, jwtSecret: stack.jwtSecret, label: randomUUID() };
    const processes = await Promise.all(
      Array.from({ length: options.processes }, async (_, index) => {
        const child = await Child.start(PROCESS, { ...plan, index });
        undo(() => child.kill());
        return child;
      }),
    );
    const probe = new EdgeProbe(stack.edgeUrls);
    undo(() => probe.stop());
    /** Resolves to the answers when every process has done it. */
    const tell = (order: StormOrder, withinMs = HANG_MS): Promise<unknown[]> =>
      Promise.all(processes.map((child) => child.tell(order, withinMs)));
    /** A hang is a finding, and what else there is to see of it is worth having. */
    const attempt = (order: StormOrder): Promise<string[]> =>
      tell(order).then(
        () => [],
        (error: unknown) => [String(error)],
      );
    const countersOf = async (urls: readonly string[]) =>
      new Map(await Promise.all(urls.map(async (url) => [url, await scrape(url)] as const)));

    /** Kills an edge, and waits until every client reads and is answered again. */
    const strike = async ({ edge, cold, calls }: Strike) => {
      const struck = stack.edgeUrls[edge] ?? "";
      await tell({ order: "stream" });
      await tell({ order: "mark", struck });
      const atStrike = await countersOf(stack.edgeUrls.filter((url) => url !== struck));
      const before = probe.takePeaks();

      onPhase(cold ? "an edge dies, and Redis forgets everything" : "an edge dies");
      const struckAt = Date.now();
      const flushed = cold ? withRedis(stack.redisUrl, (redis) => redis.flushall()) : undefined;
      await Promise.all([stack.kill(`edge-${edge + 1}`), flushed]);
      const hangs = await attempt({ order: "settle" });
      const during = probe.takePeaks();
      await stack.whenReady(`edge-${edge + 1}`);
      const settled = await countersOf(stack.edgeUrls);

      onPhase(`${calls} of them say something again`);
      hangs.push(...(await attempt({ order: "call", clients: Math.ceil(calls / processes.length) })));
      const after = probe.takePeaks();
      const reports = (await tell({ order: "report" })).map((report) => reportSchema.parse(report));
      return {
        /** What was not done in any reasonable time; empty when all was. */
        hangs,
        /** Unix milliseconds. */
        struckAt,
        clients: reports.flatMap(({ clients }) => clients),
        processes: reports,
        /** Since the strike, by edge; of the one that died, since it began again. */
        counts: new Map([...settled].map(([url, samples]) => [url, edgeCounts(samples, atStrike.get(url))])),
        peaks: { before, storm: during, after },
      };
    };

    onPhase(`${options.clients} clients connect, and each has an answer`);
    await tell({ order: "gather" }, GATHER_MS);
    return { strike };
  });
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
    const storm = await gatherStorm(fixture, { ...options, onPhase: (phase) => console.error(`  ${phase}`) });
    const result = await storm.strike({ edge: 0, cold, calls });
    await storm.close();
    printStorm(result);
    const { struck, back, breaks, wrong, hangs, snapshots, queries } = stormFigures(result);
    const isWhole = struck > 0 && back === struck && breaks === 0 && wrong.length + hangs.length === 0;
    return isWhole && (cold || snapshots + queries === 0) ? 0 : 1;
  } finally {
    await fixture.close();
  }
});
