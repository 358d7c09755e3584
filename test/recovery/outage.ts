import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { check } from "../kit/checker.ts";
import { differ } from "../kit/difference.ts";
import { startFixture, temporaryFolder, withUndo } from "../kit/fixture.ts";
import type { ReaderRecord, SentEvent } from "../kit/history.ts";
import { scrape, sumOf } from "../kit/metrics.ts";
import { answersBy, answerTo, modelCallsOf, questionIn } from "../kit/model-calls.ts";
import { type Participant, SdkParticipant } from "../kit/participant.ts";
import { countSignals, EdgeProbe, type MemoryFigures, watchMemory } from "../kit/probes.ts";
import { rest } from "../kit/rest.ts";
import { stateOf, temporalAt } from "../kit/temporal.ts";
import { Rules } from "../kit/wait.ts";
import { arrive, keyOf, type Newcomer, OutageLoad, speakUnwatched } from "./outage-clients.ts";
import { Flood, type FloodReach } from "./outage-flood.ts";
import { type Absence, type ServerName, startServers, withRedis } from "./servers.ts";

/** How the model answers: slowly enough for an outage to strike in mid-sentence. */
const SCRIPT = "tokens=20,slow=10ms";

export type OutageFixture = Awaited<ReturnType<typeof openOutageFixture>>;

/** A whole Holdfast on servers that can be taken away from it. */
export function openOutageFixture() {
  return withUndo(async (undo) => {
    const servers = await startServers(await temporaryFolder(undo, "outage"), undo);
    const { redisUrl, temporalAddress } = servers;
    const fixture = await startFixture({ script: SCRIPT, redisUrl, temporalAddress });
    undo(() => fixture.close());
    const temporal = temporalAt(temporalAddress, "caller");
    undo(() => temporal.connection.close());
    return { ...fixture, servers, temporal };
  });
}

export interface OutageOptions {
  /** Begins the names of its sessions; those of two runs in one fixture must differ. */
  name: string;
  /** All go away together, and come back one after the other, in this order. */
  absences: readonly Absence[];
  /** How long they are away, at least. */
  seconds: number;
  sessions: number;
  /** While Temporal is away, clients push as much as edges take, and go on pushing. */
  flood?: { reach: FloodReach; seconds: number };
}

/** How long clients talk before servers go away, once all have arrived. */
const PEACE_MS = 1_000;
const UNWATCHED = 4;
/** What an edge may hold of events is 128 MiB as JSON; it costs about three times that while it is being sent. */
const MOST_GROWTH_MIB = 768;
/** A bound on hangs: behind a flood a client may have to wait for what fills its edge, and for its own back-off. */
const CONVERGENCE_MS = 120_000;
/** A turn that was under way when what it needs went away for longer has failed in the end. */
const TURN_DEADLINE_SECONDS = 120;

export type OutageResult = Awaited<ReturnType<Outage["run"]>>;

/** Clients talk, servers go away and come back, and everything is held against what was promised. */
export class Outage {
  readonly #fixture: OutageFixture;
  readonly #options: OutageOptions;
  readonly #load: OutageLoad;
  readonly #rules = new Rules();
  /** The servers that are not there now. */
  readonly #away = new Set<ServerName>();
  readonly #newcomers: Newcomer[] = [];
  readonly #floods: Flood[] = [];
  /** Sessions that are spoken to while Redis is away and that nobody follows, and what they were told. */
  readonly #unwatched: readonly SessionKey[];
  readonly #sentUnwatched: SentEvent[] = [];
  #memory = async (): Promise<Record<string, MemoryFigures>> => ({});

  constructor(fixture: OutageFixture, options: OutageOptions) {
    this.#fixture = fixture;
    this.#options = options;
    this.#load = new OutageLoad(fixture.stack);
    this.#unwatched = Array.from({ length: UNWATCHED }, (_, index) => keyOf(`${options.name}-unwatched-${index}`));
  }

  async run() {
    const { stack } = this.#fixture;
    const rules = this.#rules;
    const probe = new EdgeProbe(stack.edgeUrls);
    let phases: Awaited<ReturnType<Outage["phases"]>>;
    let processes: Record<string, MemoryFigures>;
    try {
      phases = await this.phases();
    } finally {
      for (const client of [...this.#newcomers, ...this.#floods]) client.leave();
      await this.#load.leave();
      processes = await this.#memory();
      await probe.stop();
    }
    const isReady = [...probe.takePeaks().values()].every(({ notReady }) => notReady === 0);
    rules.holds("an edge stays ready through an outage of what stands behind it", isReady);
    for (const [name, { exits, before, peak }] of Object.entries(processes)) {
      rules.holds(`no process ends because a server does: ${name}`, exits === 0);
      rules.holds(`memory is bounded: ${name} went from ${before} to ${peak} MiB`, peak - before < MOST_GROWTH_MIB);
    }
    const floods = this.#floods.map(({ figures }) => figures);
    return { name: this.#options.name, ...phases, floods, processes, broken: rules.broken };
  }

  private async phases() {
    const { stack } = this.#fixture;
    const { name, sessions } = this.#options;
    const load = this.#load;
    for (let index = 0; index < sessions; index++) load.join(`${name}-${index}`, index % 2 === 1);
    await this.#rules.soon("ack-1: what is said in peace is durable", () => areDurable(load.sent));
    for (const [index, edge] of stack.edgeUrls.entries())
      this.#newcomers.push(await arrive(edge, await stack.token({ subject: `${name}-resident-${index}` })));
    const peaceFrom = load.clock();
    await sleep(PEACE_MS);
    this.#memory = await watchMemory(stack);
    const { sentWhileAway, ...away } = await this.#takeAway(peaceFrom);
    const back = await this.#bringBack(sentWhileAway);
    return { ...away, ...back, ...(await this.#judge(back.convergedMs)) };
  }

  /** Takes the servers away for as long as planned, and sees what is promised meanwhile. Nobody talks any more when it resolves. */
  async #takeAway(peaceFrom: number) {
    const { servers, temporal } = this.#fixture;
    const { absences, seconds } = this.#options;
    const [load, rules, away] = [this.#load, this.#rules, this.#away];
    const awayFrom = load.clock();
    for (const { server } of absences) away.add(server);
    const told = this.#tellsTheTruth();
    await Promise.all(absences.map((absence) => servers.take(absence)));
    const from = load.clock();
    const tookMs = await told;

    const hasTemporal = !away.has("temporal");
    const keys = load.participants.map(({ key }) => key);
    const before = hasTemporal ? await this.#snapshots(keys) : undefined;
    if (hasTemporal) {
      const speaking = this.#unwatched.map((key) => speakUnwatched(temporal, key, load.clock()));
      this.#sentUnwatched.push(...(await Promise.all(speaking)));
    }
    const newcomers = await this.#newcomersCome();
    if (!hasTemporal) await this.#floodsCome();
    await sleep(Math.max(0, from + seconds * 1_000 - load.clock()));

    const sentWhileAway = load.sent.filter(({ at }) => at >= from);
    if (before !== undefined) {
      await rules.soon("ack-1: intake goes on without Redis", () => areDurable(sentWhileAway));
      await rules.soon("turns run without Redis", async () => {
        const [now, unwatched] = [await this.#snapshots(keys), await this.#snapshots(this.#unwatched)];
        const haveRun = [...before].every(([path, { turns }]) => (now.get(path)?.turns.length ?? 0) > turns.length);
        return haveRun && [...unwatched.values()].every(({ turns }) => turns.length === 1);
      });
    }
    await load.fallSilent();
    const acked = sentWhileAway.filter(({ durable }) => durable).length;
    if (!hasTemporal) rules.holds("ack-1: nothing is durable without Temporal", acked === 0);
    const ackMs = { before: acksOf(load, peaceFrom, awayFrom), during: acksOf(load, from, load.clock()) };
    return {
      sentWhileAway,
      /** Events sent while all the servers were away, and those of them that were durable before any came back. */
      sent: sentWhileAway.length,
      acked,
      ackMs,
      /** Milliseconds from the servers' end until every view said `degraded`; undefined where Redis was there. */
      toldMs: away.has("redis") ? tookMs : undefined,
      newcomers,
    };
  }

  /** What the workflow of each of these sessions answers, by the session's path. */
  async #snapshots(keys: readonly SessionKey[]): Promise<Map<string, Snapshot>> {
    const { temporal } = this.#fixture;
    const byPath = new Map(keys.map((key) => [sessionPath(key), key]));
    const ask = async (key: SessionKey): Promise<Snapshot> => (await stateOf(temporal, key)).snapshot;
    return new Map(await Promise.all([...byPath].map(async ([path, key]) => [path, await ask(key)] as const)));
  }

  /**
   * SPEC open-6, the client's `pending`, and the edges' metrics: people and operators see what is the matter. Returns the
   * milliseconds until all people knew whether frames pause.
   */
  async #tellsTheTruth(): Promise<number> {
    const rules = this.#rules;
    const { applications } = this.#load;
    const [isDegraded, isHeld] = [this.#away.has("redis"), this.#away.has("temporal")];
    const tookMs = await rules.soon(
      `open-6: everyone is told that degraded is ${isDegraded}`,
      () =>
        applications.every((each) => each.isDegraded === isDegraded) &&
        this.#newcomers.every(({ isTold }) => isTold() === isDegraded),
    );
    const isSending = ({ session }: SdkParticipant): boolean =>
      session.get().pending.some(({ status }) => status === "sending");
    if (isHeld) await rules.soon("what is not durable is shown as sending", () => applications.every(isSending));
    await rules.soon(`operators see that degraded is ${isDegraded} and intake held ${isHeld}`, async () => {
      const pages = await Promise.all(this.#fixture.stack.edgeUrls.map(scrape));
      return pages.every(
        (page) =>
          sumOf(page, "holdfast_edge_degraded") === Number(isDegraded) &&
          sumOf(page, "holdfast_edge_intake_held") === Number(isHeld),
      );
    });
    return tookMs;
  }

  /** A client at each edge that nobody had seen before, and one more session with both its clients. */
  #newcomersCome() {
    const { stack } = this.#fixture;
    const { name } = this.#options;
    this.#load.join(`${name}-late`, true);
    const coming = stack.edgeUrls.map(async (edge, index) => {
      const newcomer = await arrive(edge, await stack.token({ subject: `${name}-newcomer-${index}` }));
      this.#newcomers.push(newcomer);
      const tookMs = await newcomer.lookAround(this.#away, this.#rules);
      this.#rules.holds("open-6: who comes in an outage is told", newcomer.isTold() === this.#away.has("redis"));
      return tookMs;
    });
    return Promise.all(coming);
  }

  /** Small events at the first edge, large ones at the second: both count and bytes are bounded. */
  async #floodsCome(): Promise<void> {
    const { stack, temporal } = this.#fixture;
    const { name, flood: wanted } = this.#options;
    if (wanted === undefined) return;
    for (const [index, edge] of stack.edgeUrls.entries()) {
      const size = index % 2 === 0 ? "small" : "large";
      const token = (subject: string): Promise<string> => stack.token({ subject });
      const flood = new Flood({ edge, size, name: `${name}-flood-${size}`, token, temporal, rules: this.#rules });
      this.#floods.push(flood);
      await flood.rise(wanted.reach);
    }
    await Promise.all(this.#floods.map((flood) => flood.press(wanted.seconds * 1_000)));
  }

  /** Brings the servers back one by one, and waits until everyone who was there all the time has caught up. */
  async #bringBack(sentWhileAway: readonly SentEvent[]) {
    const rules = this.#rules;
    for (const absence of this.#options.absences) {
      await this.#fixture.servers.bringBack(absence);
      this.#away.delete(absence.server);
      if (this.#away.size === 0) break;
      await this.#tellsTheTruth();
      if (this.#away.has("redis"))
        await rules.soon("ack-1: intake goes on without Redis", () => areDurable(sentWhileAway));
      else rules.holds("ack-1: nothing is durable without Temporal", !sentWhileAway.some(({ durable }) => durable));
    }
    const signals = countSignals(this.#fixture.stack.edgeUrls);
    const converged = await this.#converge();
    await this.#tellsTheTruth();
    /** Of all edges, from the last return on. */
    return { ...converged, signalsPerSecond: await signals() };
  }

  /** Milliseconds from the last return. */
  async #converge() {
    const { participants } = this.#load;
    const returnedAt = performance.now();
    const healed = this.#repaired();
    // What a workflow could not do while Temporal was away is no reader's to catch up with yet.
    const hadTemporal = this.#options.absences.every(({ server }) => server !== "temporal");
    const snapshots = await this.#snapshots(hadTemporal ? participants.map(({ key }) => key) : []);
    const converging = participants.map(async (each) => {
      const version = snapshots.get(each.path)?.version ?? 0;
      const hasConverged = (): boolean => areDurable(each.sent) && holds(each, version);
      await this.#rules.soon(`ack-1: ${each.name} converges`, hasConverged, CONVERGENCE_MS);
      return performance.now() - returnedAt;
    });
    return {
      /** Of each client, until it held what its workflow did, all it had sent was durable, and it was told so. */
      convergedMs: await Promise.all(converging),
      /** Of each session nobody watched, until its log was exact. */
      healedMs: await healed,
    };
  }

  /** Waits until the log of each session nobody watches holds what its workflow says. */
  async #repaired(): Promise<number[]> {
    if (this.#sentUnwatched.length === 0) return [];
    return withRedis(this.#fixture.servers.redisUrl, (redis) => {
      const log = new SessionLog(redis);
      const isExact = async (key: SessionKey): Promise<boolean> => {
        const held = await log.snapshot(key);
        if (held.outcome === "cold") return false;
        const { epoch, snapshot } = await stateOf(this.#fixture.temporal, key);
        return snapshot.running === null && held.epoch === epoch && differ(held.snapshot, snapshot) === undefined;
      };
      const rule = (key: SessionKey): string => `the log of ${sessionPath(key)}, which nobody watches, is healed`;
      return Promise.all(this.#unwatched.map((key) => this.#rules.soon(rule(key), () => isExact(key))));
    });
  }

  /** Waits until all is said and answered, and lets the checker look at every frame and every turn. */
  async #judge(convergedMs: readonly number[]) {
    const { model, servers } = this.#fixture;
    const { participants, sent: sentWatched } = this.#load;
    const { transcripts, hangs, tookMs } = await rest(participants, servers.temporalAddress);
    const readers = participants.map((each) => each.record());
    const sent = [...sentWatched, ...this.#sentUnwatched];
    for (const key of this.#sentUnwatched.length > 0 ? this.#unwatched : []) {
      const { snapshot } = await stateOf(this.#fixture.temporal, key);
      transcripts.set(sessionPath(key), snapshot);
      readers.push(await this.#openedNow(key, snapshot.version));
    }
    // Those of this run: a fixture may have had others before.
    const said = new Set(sent.map(({ text }) => text));
    const violations = check({
      sent,
      transcripts,
      readers,
      modelCalls: modelCallsOf(model.calls).filter(({ messages }) => said.has(questionIn(messages))),
      answers: answersBy((question) => answerTo(question, SCRIPT)),
      interrupts: [],
      turnsMayFail: this.#options.seconds > TURN_DEADLINE_SECONDS,
      hangs,
    });
    for (const flood of this.#floods) await flood.ebb();
    /** `restMs`: from the last return until all was said and answered. */
    return { violations, restMs: Math.max(...convergedMs) + tookMs };
  }

  /** A reader opened now is given the session as it is. */
  async #openedNow({ owner }: SessionKey, version: number): Promise<ReaderRecord> {
    const client = new SdkParticipant(this.#load.optionsOf(owner, "late", 1));
    await this.#rules.soon(`open-3: ${client.name} is given its session`, () => client.view().version >= version);
    const record = client.record();
    await client.close();
    return record;
  }
}

/** Milliseconds from the sending of each event in this time until its client was told that it is durable. */
function acksOf({ applications }: OutageLoad, first: number, end: number): number[] {
  const sent = applications.flatMap((each) => each.sent).filter(({ at }) => at >= first && at < end);
  return sent.flatMap(({ at, durableAt }) => (durableAt === undefined ? [] : [durableAt - at]));
}

function areDurable(events: readonly SentEvent[]): boolean {
  return events.every(({ durable }) => durable);
}

function holds(participant: Participant, version: number): boolean {
  const isTold = participant instanceof SdkParticipant && participant.isDegraded;
  return !isTold && participant.view().version >= version;
}
