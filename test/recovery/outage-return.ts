import { sessionPath } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { Redis } from "ioredis";
import type { SentEvent } from "../chaos/history.ts";
import type { Participant } from "../chaos/participant.ts";
import { areDurable, tellsTheTruth } from "./outage-away.ts";
import { OutageClient } from "./outage-client.ts";
import type { Outage } from "./outage-run.ts";
import { SignalRate } from "./outage-signals.ts";
import { factsOf } from "./outage-truth.ts";

/** A bound on hangs: behind a flood a client may have to wait for what fills its edge, and for its own back-off. */
const CONVERGENCE_MS = 120_000;

/** Brings the servers back one by one, and waits until everyone who was there all the time has caught up. */
export async function bringBack(outage: Outage, sentWhileAway: readonly SentEvent[]): Promise<void> {
  const { arena, plan, promises, away, result } = outage;
  for (const [index, absence] of plan.absences.entries()) {
    await arena.servers.bringBack(absence);
    away.delete(absence.server);
    plan.onProgress?.(`${absence.server} is back`);
    if (index < plan.absences.length - 1) {
      await tellsTheTruth(outage);
      const hasAcked = sentWhileAway.some(({ durable }) => durable);
      if (away.has("temporal")) promises.holds("ack-1: nothing is durable without Temporal", !hasAcked);
      else await promises.soon("ack-1: intake goes on without Redis", () => areDurable(sentWhileAway));
      continue;
    }
    const signals = new SignalRate(arena.stack.edgeUrls);
    await converge(outage);
    result.signalsPerSecond = await signals.end();
  }
}

async function converge(outage: Outage): Promise<void> {
  const { arena, plan, promises, crowd, result } = outage;
  const returnedAt = performance.now();
  const healed = heal(outage);
  // What a workflow could not do while Temporal was away is no reader's to catch up with yet.
  const hadTemporal = plan.absences.every(({ server }) => server !== "temporal");
  const keys = hadTemporal ? crowd.members.map(({ key }) => key) : [];
  const versions = await factsOf(arena.temporal, keys, ({ snapshot }) => snapshot.version);
  result.convergedMs = await Promise.all(
    crowd.members.map(async (member) => {
      const version = versions.get(sessionPath(member.key)) ?? 0;
      const rule = `ack-1: ${member.name} converges`;
      await promises.soon(rule, () => areDurable(member.sent) && holds(member, version), CONVERGENCE_MS);
      return performance.now() - returnedAt;
    }),
  );
  result.healedMs = await healed;
  await tellsTheTruth(outage);
}

function holds(member: Participant, version: number): boolean {
  if (!(member instanceof OutageClient)) return member.record().final.version >= version;
  return !member.isTold && member.version >= version;
}

async function heal({ arena, promises, unwatched }: Outage): Promise<number[]> {
  if (unwatched.sent.length === 0) return [];
  const redis = new Redis(arena.servers.redisUrl, { commandTimeout: 2_000 });
  redis.on("error", () => undefined);
  try {
    return await unwatched.healed(new SessionLog(redis), arena.temporal, promises);
  } finally {
    redis.disconnect();
  }
}
