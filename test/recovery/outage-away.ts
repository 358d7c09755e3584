import { setTimeout as sleep } from "node:timers/promises";
import type { SentEvent } from "../chaos/history.ts";
import { Flood } from "./outage-flood.ts";
import { Newcomer } from "./outage-newcomer.ts";
import type { Outage } from "./outage-run.ts";
import { factsOf } from "./outage-truth.ts";

/** Takes the servers away for as long as planned, and sees what is promised meanwhile. Nobody talks any more when it resolves. */
export async function takeAway(outage: Outage, peaceFrom: number): Promise<void> {
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
  if (hasTemporal) await unwatched.speak();
  await newcomersCome(outage);
  if (!hasTemporal) await floodsCome(outage);
  await sleep(Math.max(0, from + plan.seconds * 1_000 - crowd.clock()));

  const sent = crowd.sent.filter(({ at }) => at >= from);
  if (turnsBefore !== undefined) {
    await promises.soon("ack-1: intake goes on without Redis", () => areDurable(sent));
    await promises.soon("turns run without Redis", async () => {
      const turns = await turnsOf(outage);
      return [...turnsBefore].every(([path, count]) => (turns.get(path) ?? 0) > count);
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
}

export function areDurable(events: readonly SentEvent[]): boolean {
  return events.every(({ durable }) => durable);
}

/** SPEC open-6, and the client's `pending`: people see what is the matter. Returns the milliseconds until all did. */
export async function tellsTheTruth({ crowd, promises, away, newcomers }: Outage): Promise<number> {
  const { applications } = crowd;
  const isDegraded = away.has("redis");
  const tookMs = await promises.soon(`open-6: everyone is told that degraded is ${isDegraded}`, () => {
    const raw = newcomers.map(({ isTold }) => isTold);
    return [...applications.map((client) => client.isTold), ...raw].every((isTold) => isTold === isDegraded);
  });
  if (away.has("temporal")) {
    await promises.soon("what is not durable is shown as sending", () =>
      applications.every((client) => client.sending > 0),
    );
  }
  return tookMs;
}

async function turnsOf({ arena, crowd }: Outage): Promise<Map<string, number>> {
  const keys = crowd.members.map(({ key }) => key);
  return factsOf(arena.temporal, keys, ({ snapshot }) => snapshot.turns.length);
}

/** A client at each edge that nobody had seen before, and one more session with both its clients. */
async function newcomersCome({ arena, plan, crowd, promises, away, newcomers, result }: Outage): Promise<void> {
  const { stack } = arena;
  crowd.join(`${plan.name}-late`, true);
  await Promise.all(
    stack.edgeUrls.map(async (edge, index) => {
      const token = await stack.token({ subject: `${plan.name}-newcomer-${index}` });
      const newcomer = await Newcomer.arrive(edge, token);
      newcomers.push(newcomer);
      await newcomer.lookAround(away);
      promises.broken.push(...newcomer.welcome.broken);
      promises.holds("open-6: who comes in an outage is told", newcomer.isTold === away.has("redis"));
    }),
  );
  result.newcomers = newcomers.map(({ welcome }) => welcome);
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
