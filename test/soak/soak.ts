import { setTimeout as sleep } from "node:timers/promises";
import { connect, type HoldfastClient, type Session } from "@holdfast/client";
import { type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { appliedObserves } from "../kit/checker.ts";
import { differ } from "../kit/difference.ts";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { answerTo } from "../kit/model-calls.ts";
import { snapshotOf } from "../kit/participant.ts";
import { isGrowing } from "../kit/reading.ts";
import { askSession, reasonOf } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";
import { type Judgement, judge, type Sample, seriesOf } from "./growth.ts";
import { readApps, readOwn, ServerInstruments } from "./instruments.ts";
import { KeptHeaps } from "./kept-heaps.ts";
import { Ledger } from "./ledger.ts";
import { refOf, Visits } from "./visits.ts";

export interface SoakOptions {
  durationMs: number;
  everyMs: number;
  clients: number;
  sessions: number;
  seed: number;
  /** Whether clients may vanish without a word, which an edge needs 45 s to notice. */
  silences: boolean;
  /** Where the processes' logs go and stay; left out, they are gone at the end. */
  dir?: string | undefined;
  onSample?: (sample: Sample) => void;
}

export interface SoakResult {
  samples: Sample[];
  judgements: Judgement[];
  /** Promises of SPEC.md that were broken. */
  violations: string[];
  /** What was still held when all clients had left. */
  remains: string[];
  visits: number;
  connections: number;
  acked: number;
  turns: number;
}

/** Short answers: a soak is about comings and goings. */
const SCRIPT = "tokens=8,slow=4ms";
const EMPTY_WITHIN_MS = 120_000;
/** Bounds on a hang, not measures of speed. */
const REST_MS = 120_000;
const QUERY_MS = 30_000;
const answer = (text: string): string => answerTo(text, SCRIPT);

/** Lets clients come and go for the planned time, and measures what stays. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const heaps = await KeptHeaps.prepare();
  const logs = options.dir === undefined ? {} : { dir: options.dir, persist: false };
  const fixture = await startFixture({ ...logs, env: { all: heaps.env } });
  try {
    return await soakFixture(options, fixture, heaps);
  } finally {
    await fixture.close();
    await heaps.remove();
  }
}

/** The same with a stack that runs already, whose apps were started with what `heaps` asks for, and without a session. */
export async function soakFixture(options: SoakOptions, fixture: Fixture, heaps: KeptHeaps): Promise<SoakResult> {
  const { stack, model } = fixture;
  model.setDefault(SCRIPT);
  const keys = Array.from({ length: options.sessions }, (_, index): SessionKey => {
    return { tenant: "acme", owner: `host-${index + 1}`, name: "talk" };
  });
  const ledger = new Ledger(answer);
  const instruments = new ServerInstruments(stack);
  const reader = new SteadyReader(stack, keys, ledger);
  await reader.connected();
  const { clients, seed, silences } = options;
  const visits = new Visits(stack, ledger, { clients, seed, silences, keys, answer });
  try {
    const samples = await watch(options, visits, ledger, async () => {
      // It keeps ten thousand with all they were asked, and lives in this process.
      model.calls.length = 0;
      const apps = await readApps(stack, heaps);
      return [...apps, ...(await readOwn(visits.openConnections)), ...(await instruments.read(keys))];
    });
    await visits.end();
    const violations = [
      ...(await rest(keys, ledger, reader, instruments)),
      ...(await takeOver(stack, keys, reader, instruments)),
    ];
    await reader.close();
    const remains = await instruments.whatRemains(keys, EMPTY_WITHIN_MS);
    return {
      samples,
      judgements: seriesOf(samples).map(judge),
      violations: [...visits.violations, ...ledger.violations, ...violations],
      remains,
      visits: visits.visits,
      connections: visits.connections,
      acked: ledger.acked,
      turns: ledger.turns,
    };
  } finally {
    await visits.end();
    await reader.close();
    await instruments.close();
  }
}

async function watch(
  { durationMs, everyMs, onSample }: SoakOptions,
  visits: Visits,
  ledger: Ledger,
  read: () => Promise<Sample["readings"]>,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  // On a loaded machine a sample may take longer than the time between two.
  for (let at = everyMs; at <= durationMs; at = Math.max(at + everyMs, elapsed())) {
    await sleep(Math.max(0, at - elapsed()));
    const [{ connections }, { turns }] = [visits, ledger];
    const readings = await read();
    const sample = { atMs: Math.round(elapsed()), connections, turns, readings };
    samples.push(sample);
    onSample?.(sample);
  }
  return samples;
}

/** Reads every session all the time and enters its committed turns in the ledger. */
class SteadyReader {
  readonly #client: HoldfastClient;
  readonly #sessions: Map<string, Session>;

  constructor(stack: Stack, keys: readonly SessionKey[], ledger: Ledger) {
    const token = (): Promise<string> => stack.token({ subject: "reader", shared: keys.map(refOf) });
    this.#client = connect({ url: stack.edgeUrls, token, client: "soak-reader/1" });
    this.#sessions = new Map(
      keys.map((key) => {
        const session = this.#client.session(refOf(key), { agent: "concierge" });
        session.on("frame", (frame) => {
          if (!isGrowing(frame)) ledger.committed(sessionPath(key), session.get().turns);
        });
        return [sessionPath(key), session];
      }),
    );
  }

  async connected(): Promise<void> {
    await this.#client.connected();
  }

  /** A session as it holds it now. */
  view(key: SessionKey): Snapshot {
    const session = this.#sessions.get(sessionPath(key));
    if (session === undefined) throw new Error(`${sessionPath(key)} is not read.`);
    return snapshotOf(session.get());
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/**
 * Waits until everything acknowledged is in a turn and what is read is what the workflows answer. Returns what did not come to
 * rest.
 */
async function rest(
  keys: readonly SessionKey[],
  ledger: Ledger,
  reader: SteadyReader,
  instruments: ServerInstruments,
): Promise<string[]> {
  return unlessSettled(async () => {
    const open = ledger.owed.map((input) => `lost: ${input} is durable and in no turn`);
    const truths = await truthsOf(keys, instruments);
    for (const [key, truth] of truths) {
      const running = typeof truth === "string" || truth.running === null ? undefined : truth.running.turn;
      const difference = running === undefined ? differenceTo(truth, reader.view(key)) : `turn ${running} is running`;
      if (difference !== undefined) open.push(`diverged: ${sessionPath(key)}: ${difference}`);
    }
    if (open.length > 0) return open;
    for (const [key, truth] of truths)
      if (typeof truth !== "string") ledger.checkObserves(sessionPath(key), appliedObserves(truth));
    return [];
  });
}

/**
 * Another process takes up every session: it has to go the way of their histories once more, and to come to where readers
 * are. A session that cannot be replayed stands still for ever once it is in no worker's memory any more.
 */
async function takeOver(
  stack: Stack,
  keys: readonly SessionKey[],
  reader: SteadyReader,
  instruments: ServerInstruments,
): Promise<string[]> {
  await stack.restart("orchestrator");
  return unlessSettled(async () =>
    (await truthsOf(keys, instruments)).flatMap(([key, truth]) => {
      const difference = differenceTo(truth, reader.view(key));
      return difference === undefined ? [] : [`not taken over: ${sessionPath(key)}: ${difference}`];
    }),
  );
}

/** What is open when the time is over; none as soon as nothing is. */
async function unlessSettled(openNow: () => Promise<string[]>): Promise<string[]> {
  let open: string[] = [];
  const isSettled = async (): Promise<boolean> => (open = await openNow()).length === 0;
  await until("everything comes to rest", isSettled, REST_MS, 250).catch(() => undefined);
  return open;
}

type Told = Snapshot | string;

/**
 * Each session's snapshot, or why its workflow did not tell. One after the other: replaying all at once they would keep one
 * another from being done in time.
 */
async function truthsOf(
  keys: readonly SessionKey[],
  { temporal }: ServerInstruments,
): Promise<[key: SessionKey, truth: Told][]> {
  const truths: [SessionKey, Told][] = [];
  for (const key of keys) {
    const asked = askSession(temporal, key, QUERY_MS).then(
      ({ snapshot }): Told => snapshot,
      (error: unknown): Told => `its workflow does not answer: ${reasonOf(error)}`,
    );
    truths.push([key, await asked]);
  }
  return truths;
}

function differenceTo(truth: Told, view: Snapshot): string | undefined {
  return typeof truth === "string" ? truth : differ(view, truth);
}
