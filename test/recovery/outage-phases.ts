import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import type { SessionState } from "@holdfast/internal";
import { check } from "../kit/checker.ts";
import type { ReaderRecord, SentEvent } from "../kit/history.ts";
import { scrape, sumOf } from "../kit/metrics.ts";
import { answersBy, answerTo, modelCallsOf, questionIn } from "../kit/model-calls.ts";
import { type Participant, SdkParticipant } from "../kit/participant.ts";
import { countSignals } from "../kit/probes.ts";
import { rest } from "../kit/rest.ts";
import { stateOf, type TemporalClient } from "../kit/temporal.ts";
import { Flood } from "./outage-flood.ts";
import { Newcomer } from "./outage-newcomer.ts";
import type { Outage } from "./outage.ts";

/** How the model answers: slowly enough for an outage to strike in mid-sentence. */
export const SCRIPT = "tokens=20,slow=10ms";
/** A bound on hangs: behind a flood a client may have to wait for what fills its edge, and for its own back-off. */
const CONVERGENCE_MS = 120_000;
/** A turn that was under way when what it needs went away for longer has failed in the end. */
const TURN_DEADLINE_SECONDS = 120;

/**
 * Takes the servers away for as long as planned, and sees what is promised meanwhile. Nobody talks any more when it resolves
 * to what was sent.
 */
export async function takeAway(outage: Outage, peaceFrom: number): Promise<SentEvent[]> {
  const { fixture, options, load, rules, away, result, unwatched } = outage;
  const awayFrom = load.clock();
  for (const { server } of options.absences) away.add(server);
  const told = tellsTheTruth(outage);
  await Promise.all(options.absences.map((absence) => fixture.servers.take(absence)));
  const from = load.clock();
  options.onProgress?.("the servers are away");
  const toldMs = await told;
  if (away.has("redis")) result.toldMs = toldMs;

  const hasTemporal = !away.has("temporal");
  const keys = load.participants.map(({ key }) => key);
  const turnsOf = (of: readonly SessionKey[]) => factsOf(fixture.temporal, of, ({ snapshot }) => snapshot.turns.length);
  const turnsBefore = hasTemporal ? await turnsOf(keys) : undefined;
  if (hasTemporal) await unwatched.speak(fixture.temporal, load.clock());
  await newcomersCome(outage);
  if (!hasTemporal) await floodsCome(outage);
  await sleep(Math.max(0, from + options.seconds * 1_000 - load.clock()));

  const sent = load.sent.filter(({ at }) => at >= from);
  if (turnsBefore !== undefined) {
    await rules.soon("ack-1: intake goes on without Redis", () => areDurable(sent));
    await rules.soon("turns run without Redis", async () => {
      const [turns, unwatchedTurns] = [await turnsOf(keys), await turnsOf(unwatched.keys)];
      const haveRun = [...turnsBefore].every(([path, count]) => (turns.get(path) ?? 0) > count);
      return haveRun && [...unwatchedTurns.values()].every((count) => count === 1);
    });
  }
  await load.fallSilent();
  result.sent = sent.length;
  result.acked = sent.filter(({ durable }) => durable).length;
  if (!hasTemporal) rules.holds("ack-1: nothing is durable without Temporal", result.acked === 0);
  const acked = load.applications.flatMap((each) => each.sent);
  const acksBetween = (first: number, end: number): number[] =>
    acked.flatMap(({ at, durableAt }) => (at >= first && at < end && durableAt !== undefined ? [durableAt - at] : []));
  result.ackMs = { before: acksBetween(peaceFrom, awayFrom), during: acksBetween(from, load.clock()) };
  return sent;
}

function areDurable(events: readonly SentEvent[]): boolean {
  return events.every(({ durable }) => durable);
}

/** One fact of each of the sessions, by their paths. */
async function factsOf(
  temporal: TemporalClient,
  keys: readonly SessionKey[],
  pick: (state: SessionState) => number,
): Promise<Map<string, number>> {
  const byPath = new Map(keys.map((key) => [sessionPath(key), key]));
  const facts = [...byPath].map(async ([path, key]) => [path, pick(await stateOf(temporal, key))] as const);
  return new Map(await Promise.all(facts));
}

/**
 * SPEC open-6, the client's `pending`, and the edges' metrics: people and operators see what is the matter. Returns the
 * milliseconds until all people knew whether frames pause.
 */
async function tellsTheTruth({ fixture, load, rules, away, newcomers }: Outage): Promise<number> {
  const { applications } = load;
  const isDegraded = away.has("redis");
  const tookMs = await rules.soon(
    `open-6: everyone is told that degraded is ${isDegraded}`,
    () =>
      applications.every((each) => each.isDegraded === isDegraded) &&
      newcomers.every(({ isTold }) => isTold === isDegraded),
  );
  const isHeld = away.has("temporal");
  const isSending = ({ session }: SdkParticipant): boolean =>
    session.get().pending.some(({ status }) => status === "sending");
  if (isHeld) await rules.soon("what is not durable is shown as sending", () => applications.every(isSending));
  await rules.soon(`operators see that degraded is ${isDegraded} and intake held ${isHeld}`, async () => {
    const pages = await Promise.all(fixture.stack.edgeUrls.map(scrape));
    return pages.every(
      (page) =>
        sumOf(page, "holdfast_edge_degraded") === Number(isDegraded) &&
        sumOf(page, "holdfast_edge_intake_held") === Number(isHeld),
    );
  });
  return tookMs;
}

/** A client at each edge that nobody had seen before, and one more session with both its clients. */
async function newcomersCome({ fixture, options, load, rules, away, newcomers, result }: Outage): Promise<void> {
  const { stack } = fixture;
  load.join(`${options.name}-late`, true);
  await Promise.all(
    stack.edgeUrls.map(async (edge, index) => {
      const token = await stack.token({ subject: `${options.name}-newcomer-${index}` });
      const newcomer = await Newcomer.arrive(edge, token);
      newcomers.push(newcomer);
      result.newcomers.push(await newcomer.lookAround(away, rules));
      rules.holds("open-6: who comes in an outage is told", newcomer.isTold === away.has("redis"));
    }),
  );
}

/** Small events at the first edge, large ones at the second: both count and bytes are bounded. */
async function floodsCome({ fixture, options, rules, floods, result }: Outage): Promise<void> {
  if (options.flood === undefined) return;
  const { reach, seconds } = options.flood;
  const { stack } = fixture;
  for (const [index, edge] of stack.edgeUrls.entries()) {
    const size = index % 2 === 0 ? "small" : "large";
    const name = `${options.name}-flood-${size}`;
    const flood = new Flood({ edge, size, name, token: (subject) => stack.token({ subject }) });
    floods.push(flood);
    await flood.rise(reach, rules);
    options.onProgress?.(`${edge} takes no more ${size} events`);
  }
  await Promise.all(floods.map((flood) => flood.press(seconds * 1_000, rules)));
  result.floods = floods.map(({ figures }) => figures);
}

/** Brings the servers back one by one, and waits until everyone who was there all the time has caught up. */
export async function bringBack(outage: Outage, sentWhileAway: readonly SentEvent[]): Promise<void> {
  const { fixture, options, rules, away, result } = outage;
  for (const [index, absence] of options.absences.entries()) {
    await fixture.servers.bringBack(absence);
    away.delete(absence.server);
    options.onProgress?.(`${absence.server} is back`);
    if (index < options.absences.length - 1) {
      await tellsTheTruth(outage);
      const hasAcked = sentWhileAway.some(({ durable }) => durable);
      if (away.has("temporal")) rules.holds("ack-1: nothing is durable without Temporal", !hasAcked);
      else await rules.soon("ack-1: intake goes on without Redis", () => areDurable(sentWhileAway));
      continue;
    }
    const signals = countSignals(fixture.stack.edgeUrls);
    await converge(outage);
    result.signalsPerSecond = await signals();
  }
}

async function converge(outage: Outage): Promise<void> {
  const { fixture, options, rules, load, result, unwatched } = outage;
  const returnedAt = performance.now();
  const healed = unwatched.healed(fixture.servers.redisUrl, fixture.temporal, rules);
  // What a workflow could not do while Temporal was away is no reader's to catch up with yet.
  const hadTemporal = options.absences.every(({ server }) => server !== "temporal");
  const keys = hadTemporal ? load.participants.map(({ key }) => key) : [];
  const versions = await factsOf(fixture.temporal, keys, ({ snapshot }) => snapshot.version);
  result.convergedMs = await Promise.all(
    load.participants.map(async (each) => {
      const version = versions.get(each.path) ?? 0;
      const hasConverged = (): boolean => areDurable(each.sent) && holds(each, version);
      await rules.soon(`ack-1: ${each.name} converges`, hasConverged, CONVERGENCE_MS);
      return performance.now() - returnedAt;
    }),
  );
  result.healedMs = await healed;
  await tellsTheTruth(outage);
}

function holds(participant: Participant, version: number): boolean {
  const isTold = participant instanceof SdkParticipant && participant.isDegraded;
  return !isTold && participant.view().version >= version;
}

/** Waits until all is said and answered, and lets the checker look at every frame and every turn. */
export async function judge({ fixture, options, rules, load, unwatched, floods, result }: Outage): Promise<void> {
  const { participants } = load;
  const { transcripts, hangs, tookMs } = await rest(participants, fixture.servers.temporalAddress);
  result.restMs = Math.max(...result.convergedMs) + tookMs;
  const readers = participants.map((each) => each.record());
  for (const key of unwatched.sent.length > 0 ? unwatched.keys : []) {
    const { snapshot } = await stateOf(fixture.temporal, key);
    transcripts.set(sessionPath(key), snapshot);
    readers.push(await openedNow(load, key, snapshot.version, rules));
  }
  const sent = [...load.sent, ...unwatched.sent];
  // Those of this run: a fixture may have had others before.
  const said = new Set(sent.map(({ text }) => text));
  result.violations = check({
    sent,
    transcripts,
    readers,
    modelCalls: modelCallsOf(fixture.model.calls).filter(({ messages }) => said.has(questionIn(messages))),
    answers: answersBy((question) => answerTo(question, SCRIPT)),
    interrupts: [],
    turnsMayFail: options.seconds > TURN_DEADLINE_SECONDS,
    hangs,
  });
  for (const flood of floods) await flood.ebb(fixture.temporal, rules);
}

/** A reader opened now is given the session as it is. */
async function openedNow(
  load: Outage["load"],
  { owner }: SessionKey,
  version: number,
  rules: Outage["rules"],
): Promise<ReaderRecord> {
  const client = new SdkParticipant(load.optionsOf(owner, "late", 1));
  await rules.soon(`open-3: ${client.name} is given its session`, () => client.view().version >= version);
  const record = client.record();
  await client.close();
  return record;
}
