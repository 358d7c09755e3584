import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import { type Fixture, startFixture, temporaryFolder, withUndo } from "../kit/fixture.ts";
import type { SentEvent, Violation } from "../kit/history.ts";
import { talk } from "../kit/load.ts";
import { type Participant, type ParticipantOptions, RawParticipant, SdkParticipant } from "../kit/participant.ts";
import { type EdgePeaks, EdgeProbe, type MemoryFigures, watchMemory } from "../kit/probes.ts";
import { temporalAt, type TemporalClient } from "../kit/temporal.ts";
import { Rules } from "../kit/wait.ts";
import type { Flood, FloodFigures, FloodReach } from "./outage-flood.ts";
import { Newcomer, type Welcome } from "./outage-newcomer.ts";
import { bringBack, judge, SCRIPT, takeAway } from "./outage-phases.ts";
import { type Absence, OutageServers, type ServerName } from "./outage-servers.ts";
import { UnwatchedSessions } from "./outage-unwatched.ts";

/** A whole Holdfast on servers that can be taken away from it. */
export interface OutageFixture extends Fixture {
  readonly servers: OutageServers;
  readonly temporal: TemporalClient;
}

export function openOutageFixture(): Promise<OutageFixture> {
  return withUndo(async (undo) => {
    const servers = await OutageServers.start(await temporaryFolder(undo, "outage"));
    undo(() => servers.stop());
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
  onProgress?: (line: string) => void;
}

/** What one outage showed. Times in milliseconds. */
export interface OutageResult {
  name: string;
  /** Events sent while all the servers were away, and those of them that were durable before any came back. */
  sent: number;
  acked: number;
  violations: Violation[];
  /** Rules that did not hold, in words. */
  broken: string[];
  ackMs: { before: number[]; during: number[] };
  /** From the servers' end until every view said `degraded`; undefined where Redis was there. */
  toldMs: number | undefined;
  newcomers: Welcome[];
  floods: FloodFigures[];
  /** Of each client: from the last return until it held what its workflow did, all it had sent was durable, and it was told so. */
  convergedMs: number[];
  /** Of each session nobody watched: from the last return until its log was exact. */
  healedMs: number[];
  /** From the last return until all was said and answered. */
  restMs: number;
  /** Of all edges, in each second from the last return on. */
  signalsPerSecond: number[];
  processes: Record<string, MemoryFigures>;
  edges: EdgePeaks[];
}

/** Milliseconds between two things one client says. */
const PAUSE_MS = { least: 1_400, spread: 1_200 };

/** The clients of one run. Every session has two, at different edges; of every second session one knows only SPEC.md. */
export class OutageLoad {
  readonly participants: Participant[] = [];
  readonly #stack: Fixture["stack"];
  readonly #began = performance.now();
  readonly #silence = new AbortController();
  readonly #talks: Promise<void>[] = [];

  constructor(stack: Fixture["stack"]) {
    this.#stack = stack;
  }

  readonly clock = (): number => performance.now() - this.#began;

  /** Those that use `@holdfast/client`. */
  get applications(): SdkParticipant[] {
    return this.participants.filter((each) => each instanceof SdkParticipant);
  }

  get sent(): SentEvent[] {
    return this.participants.flatMap(({ sent }) => sent);
  }

  /** One more session with both its clients, which begin to talk. */
  join(subject: string, isRawToo: boolean): void {
    const [first, second] = [this.optionsOf(subject, "a", 0), this.optionsOf(subject, "b", 1)];
    for (const each of [new SdkParticipant(first), new (isRawToo ? RawParticipant : SdkParticipant)(second)]) {
      this.participants.push(each);
      const { signal } = this.#silence;
      const often = { pauseMs: PAUSE_MS, observes: 1 / 3, random: Math.random };
      this.#talks.push(talk(each, { ...often, isOver: () => signal.aborted, signal }));
    }
  }

  optionsOf(subject: string, tab: string, edge: number): ParticipantOptions {
    const urls = this.#stack.edgeUrls;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const edges = [...urls.slice(edge), ...urls.slice(0, edge)];
    return { name: `${subject}-${tab}`, key, edges, token: () => this.#stack.token({ subject }), clock: this.clock };
  }

  async fallSilent(): Promise<void> {
    this.#silence.abort();
    await Promise.all(this.#talks);
  }

  async leave(): Promise<void> {
    await this.fallSilent();
    await Promise.allSettled(this.participants.map((each) => each.close()));
  }
}

/** One run under way, for what takes place in it. */
export interface Outage {
  readonly fixture: OutageFixture;
  readonly options: OutageOptions;
  readonly load: OutageLoad;
  readonly rules: Rules;
  /** The servers that are not there now. */
  readonly away: Set<ServerName>;
  readonly newcomers: Newcomer[];
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
export async function runOutage(fixture: OutageFixture, options: OutageOptions): Promise<OutageResult> {
  const outage = begin(fixture, options);
  const { load, result, rules } = outage;
  const { stack } = fixture;
  const probe = new EdgeProbe(stack.edgeUrls);
  let memory: Awaited<ReturnType<typeof watchMemory>> | undefined;
  try {
    for (let index = 0; index < options.sessions; index++) load.join(`${options.name}-${index}`, index % 2 === 1);
    await rules.soon("ack-1: what is said in peace is durable", () => load.sent.every(({ durable }) => durable));
    for (const [index, edge] of stack.edgeUrls.entries()) {
      const token = await stack.token({ subject: `${options.name}-resident-${index}` });
      outage.newcomers.push(await Newcomer.arrive(edge, token));
    }
    const peaceFrom = load.clock();
    await sleep(PEACE_MS);
    memory = await watchMemory(stack);
    const sentWhileAway = await takeAway(outage, peaceFrom);
    await bringBack(outage, sentWhileAway);
    await judge(outage);
  } finally {
    for (const client of [...outage.newcomers, ...outage.floods]) client.leave();
    await load.leave();
    result.processes = (await memory?.()) ?? {};
    await probe.stop();
  }
  result.edges = [...probe.takePeaks().values()];
  const alwaysReady = result.edges.every(({ notReady }) => notReady === 0);
  rules.holds("an edge stays ready through an outage of what stands behind it", alwaysReady);
  for (const [name, { exits, before, peak }] of Object.entries(result.processes)) {
    rules.holds(`no process ends because a server does: ${name}`, exits === 0);
    rules.holds(`memory is bounded: ${name} went from ${before} to ${peak} MiB`, peak - before < MOST_GROWTH_MIB);
  }
  return { ...result, broken: rules.broken };
}

function begin(fixture: OutageFixture, options: OutageOptions): Outage {
  const { name } = options;
  const figures = { ackMs: { before: [], during: [] }, toldMs: undefined, convergedMs: [], healedMs: [], restMs: 0 };
  const found = {
    violations: [],
    broken: [],
    newcomers: [],
    floods: [],
    signalsPerSecond: [],
    processes: {},
    edges: [],
  };
  return {
    fixture,
    options,
    load: new OutageLoad(fixture.stack),
    rules: new Rules(),
    away: new Set(),
    newcomers: [],
    unwatched: new UnwatchedSessions(Array.from({ length: UNWATCHED }, (_, index) => `${name}-unwatched-${index}`)),
    floods: [],
    result: { name, sent: 0, acked: 0, ...figures, ...found },
  };
}
