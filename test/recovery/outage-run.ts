import { setTimeout as sleep } from "node:timers/promises";
import { EdgeProbe } from "./edge-probe.ts";
import type { OutageArena } from "./outage-arena.ts";
import { takeAway } from "./outage-away.ts";
import { OutageCrowd } from "./outage-crowd.ts";
import type { Flood, FloodReach } from "./outage-flood.ts";
import { RawVisitor } from "./outage-visitor.ts";
import { OutageProcesses } from "./outage-processes.ts";
import { Promises } from "./outage-promises.ts";
import { emptyResult, type OutageResult } from "./outage-result.ts";
import { bringBack } from "./outage-return.ts";
import type { Absence, ServerName } from "./outage-servers.ts";
import { UnwatchedSessions } from "./outage-unwatched.ts";
import { judge } from "./outage-verdict.ts";

export interface OutagePlan {
  /** Begins the names of its sessions; those of two runs in one arena must differ. */
  name: string;
  /** All go away together, and come back one after the other, in this order. */
  absences: readonly Absence[];
  /** How long they are away, at least. */
  seconds: number;
  sessions: number;
  /** While Temporal is away, clients push as much as edges take, and go on pushing. */
  flood?: { reach: FloodReach; seconds: number };
  onProgress?: (line: string) => void;
}

/** One run under way, for those who play a part in it. */
export interface Outage {
  readonly arena: OutageArena;
  readonly plan: OutagePlan;
  readonly crowd: OutageCrowd;
  readonly promises: Promises;
  /** The servers that are not there now. */
  readonly away: Set<ServerName>;
  readonly visitors: RawVisitor[];
  readonly unwatched: UnwatchedSessions;
  readonly floods: Flood[];
  readonly result: OutageResult;
}

/** How long clients talk before servers go away, once all have arrived. */
const PEACE_MS = 1_000;
const UNWATCHED = 4;
/** What an edge may hold of events is 128 MiB as JSON; it costs about three times that while it is being sent. */
const MOST_GROWTH_MIB = 768;

/** Clients talk, servers go away and come back, and everything is held against what was promised. */
export async function runOutage(arena: OutageArena, plan: OutagePlan): Promise<OutageResult> {
  const outage = begin(arena, plan);
  const { crowd, result, promises } = outage;
  const probe = new EdgeProbe(arena.stack.edgeUrls);
  const processes = new OutageProcesses(arena.stack);
  try {
    for (let index = 0; index < plan.sessions; index++) crowd.join(`${plan.name}-${index}`, index % 2 === 1);
    await promises.soon("ack-1: what is said in peace is durable", () => crowd.sent.every(({ durable }) => durable));
    for (const [index, edge] of arena.stack.edgeUrls.entries()) {
      const token = await arena.stack.token({ subject: `${plan.name}-resident-${index}` });
      outage.visitors.push(await RawVisitor.arrive(edge, token));
    }
    const peaceFrom = crowd.clock();
    await sleep(PEACE_MS);
    await processes.begin();
    const sentWhileAway = await takeAway(outage, peaceFrom);
    await bringBack(outage, sentWhileAway);
    await judge(outage);
  } finally {
    for (const visitor of [...outage.visitors, ...outage.floods]) visitor.leave();
    await crowd.leave();
    result.processes = await processes.end();
    await probe.stop();
  }
  result.edges = [...probe.takePeaks().values()];
  const alwaysReady = result.edges.every(({ notReady }) => notReady === 0);
  promises.holds("an edge stays ready through an outage of what stands behind it", alwaysReady);
  for (const [name, { exits, before, peak }] of Object.entries(result.processes)) {
    promises.holds(`no process ends because a server does: ${name}`, exits === 0);
    promises.holds(`memory is bounded: ${name} went from ${before} to ${peak} MiB`, peak - before < MOST_GROWTH_MIB);
  }
  return { ...result, broken: promises.broken };
}

function begin(arena: OutageArena, plan: OutagePlan): Outage {
  const began = performance.now();
  const crowd = new OutageCrowd(arena.stack, () => performance.now() - began);
  const subjects = Array.from({ length: UNWATCHED }, (_, index) => `${plan.name}-unwatched-${index}`);
  return {
    arena,
    plan,
    crowd,
    promises: new Promises(),
    away: new Set(),
    visitors: [],
    unwatched: new UnwatchedSessions(crowd, subjects),
    floods: [],
    result: emptyResult(plan.name),
  };
}
