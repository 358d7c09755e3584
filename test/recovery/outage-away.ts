import { setTimeout as sleep } from "node:timers/promises";
import type { SentEvent } from "../chaos/history.ts";
import { scrape, sumOf } from "./edge-probe.ts";
import { Flood } from "./outage-flood.ts";
import { RawVisitor } from "./outage-visitor.ts";
import type { Outage } from "./outage-run.ts";
import { factsOf } from "./outage-truth.ts";

/**
 * Takes the servers away for as long as planned, and sees what is promised meanwhile. Nobody talks any more when it resolves
 * to what was sent.
 */
export async function takeAway(outage: Outage, peaceFrom: number): Promise<SentEvent[]> {
  const { arena, plan, crowd, promises, away, result, unwatched } = outage;
  const awayFrom = crowd.clock();
  for (const { server } of plan.absences) away.add(server);
  const told = tellsTheTruth(outage);
  await Promise.all(plan.absences.map((absence) => arena.servers.take(absence)));
  const from = crowd.clock();
  plan.onProgress?.("the servers are away");
  if (away.has("redis")) result.toldMs = await told;
  await told;

  const hasTemporal = !away.has("temporal");
  const turnsBefore = hasTemporal ? await turnsOf(outage) : undefined;
  if (hasTemporal) await unwatched.speak(arena.temporal);
  await newcomersCome(outage);
  if (!hasTemporal) await floodsCome(outage);
  await sleep(Math.max(0, from + plan.seconds * 1_000 - crowd.clock()));

  const sent = crowd.sent.filter(({ at }) => at >= from);
  if (turnsBefore !== undefined) {
    await promises.soon("ack-1: intake goes on without Redis", () => areDurable(sent));
    await promises.soon("turns run without Redis", async () => {
      const turns = await turnsOf(outage);
      const unwatchedTurns = await factsOf(arena.temporal, unwatched.keys, ({ snapshot }) => snapshot.turns.length);
      const haveRun = [...turnsBefore].every(([path, count]) => (turns.get(path) ?? 0) > count);
      return haveRun && [...unwatchedTurns.values()].every((count) => count === 1);
    });
  }
  await crowd.fallSilent();
  result.sent = sent.length;
  result.acked = sent.filter(({ durable }) => durable).length;
  if (!hasTemporal) promises.holds("ack-1: nothing is durable without Temporal", result.acked === 0);
  const acks = crowd.applications.flatMap((client) => client.acks);
  const acksBetween = (first: number, end: number): number[] =>
    acks.filter(({ sentAt }) => sentAt >= first && sentAt < end).map(({ ms }) => ms);
  result.ackMs = { before: acksBetween(peaceFrom, awayFrom), during: acksBetween(from, crowd.clock()) };
  return sent;
}

export function areDurable(events: readonly SentEvent[]): boolean {
  return events.every(({ durable }) => durable);
}

/**
 * SPEC open-6, the client's `pending`, and the edges' metrics: people and operators see what is the matter. Returns the
 * milliseconds until all people knew whether frames pause.
 */
export async function tellsTheTruth({ arena, crowd, promises, away, visitors }: Outage): Promise<number> {
  const { applications } = crowd;
  const isDegraded = away.has("redis");
  const tookMs = await promises.soon(`open-6: everyone is told that degraded is ${isDegraded}`, () =>
    [...applications, ...visitors].every(({ isTold }) => isTold === isDegraded),
  );
  const isHeld = away.has("temporal");
  if (isHeld) {
    await promises.soon("what is not durable is shown as sending", () =>
      applications.every(({ sending }) => sending > 0),
    );
  }
  await promises.soon(`operators see that degraded is ${isDegraded} and intake held ${isHeld}`, async () => {
    const pages = await Promise.all(arena.stack.edgeUrls.map(scrape));
    return pages.every(
      (page) =>
        sumOf(page, "holdfast_edge_degraded") === Number(isDegraded) &&
        sumOf(page, "holdfast_edge_intake_held") === Number(isHeld),
    );
  });
  return tookMs;
}

async function turnsOf({ arena, crowd }: Outage): Promise<Map<string, number>> {
  const keys = crowd.members.map(({ key }) => key);
  return factsOf(arena.temporal, keys, ({ snapshot }) => snapshot.turns.length);
}

/** A client at each edge that nobody had seen before, and one more session with both its clients. */
async function newcomersCome({ arena, plan, crowd, promises, away, visitors, result }: Outage): Promise<void> {
  const { stack } = arena;
  crowd.join(`${plan.name}-late`, true);
  await Promise.all(
    stack.edgeUrls.map(async (edge, index) => {
      const token = await stack.token({ subject: `${plan.name}-newcomer-${index}` });
      const newcomer = await RawVisitor.arrive(edge, token);
      visitors.push(newcomer);
      await newcomer.lookAround(away);
      promises.holds("open-6: who comes in an outage is told", newcomer.isTold === away.has("redis"));
      promises.broken.push(...newcomer.welcome.broken);
      result.newcomers.push(newcomer.welcome);
    }),
  );
}

/** Small events at the first edge, large ones at the second: both count and bytes are bounded. */
async function floodsCome({ arena, plan, promises, floods, result }: Outage): Promise<void> {
  if (plan.flood === undefined) return;
  const { reach, seconds } = plan.flood;
  const { stack } = arena;
  for (const [index, edge] of stack.edgeUrls.entries()) {
    const size = index % 2 === 0 ? "small" : "large";
    const name = `${plan.name}-flood-${size}`;
    const flood = new Flood({ edge, size, name, token: (subject) => stack.token({ subject }) });
    floods.push(flood);
    await flood.rise(reach, promises);
    plan.onProgress?.(`${edge} takes no more ${size} events`);
  }
  await Promise.all(floods.map((flood) => flood.press(seconds * 1_000, promises)));
  result.floods = floods.map(({ figures }) => figures);
}
