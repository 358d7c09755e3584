import { setTimeout as sleep } from "node:timers/promises";
import { connect, type HoldfastClient, type Session } from "@holdfast/client";
import type { SessionKey, Snapshot } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { appliedObserves } from "../kit/checker.ts";
import { answerTo } from "../kit/model-calls.ts";
import { Participant, snapshotOf } from "../kit/participant.ts";
import { isGrowing } from "../kit/reading.ts";
import { rest } from "../kit/rest.ts";
import { askSession, withTemporal } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";
import { judge, type Sample, seriesOf } from "./growth.ts";
import { readApps, readOwn, readServers, whatRemains } from "./instruments.ts";
import { Ledger } from "./ledger.ts";
import type { SoakFixture } from "./soak-fixture.ts";
import { receiveVisitors, refOf } from "./visits.ts";

export interface SoakOptions {
  durationMs: number;
  everyMs: number;
  clients: number;
  sessions: number;
  seed: number;
  /** Whether clients may vanish without a word, which an edge needs 45 s to notice. */
  silences: boolean;
  onSample?: (sample: Sample) => void;
}

export type SoakResult = Awaited<ReturnType<typeof soak>>;

/** Short answers: a soak is about comings and goings. */
const SCRIPT = "tokens=8,slow=4ms";
const EMPTY_WITHIN_MS = 120_000;
/** Bounds on a hang, not measures of speed. */
const REST_MS = 120_000;
const QUERY_MS = 30_000;
const answer = (text: string): string => answerTo(text, SCRIPT);

/** Lets clients come and go for the planned time, and measures what stays. The fixture has no session yet. */
export async function soak(options: SoakOptions, fixture: SoakFixture) {
  const { stack, model } = fixture;
  model.setDefault(SCRIPT);
  const keys = Array.from({ length: options.sessions }, (_, index): SessionKey => {
    return { tenant: "acme", owner: `host-${index + 1}`, name: "talk" };
  });
  const ledger = new Ledger(answer);
  const token = (): Promise<string> => stack.token({ subject: "reader", shared: keys.map(refOf) });
  const client = connect({ url: stack.edgeUrls, token, client: "soak-reader/1" });
  const readers = keys.map((key) => new SteadyReader(client, key, ledger));
  await client.connected();
  const visits = receiveVisitors(stack, ledger, { ...options, keys, answer });
  try {
    const samples = await watch(options, async () => {
      const [{ connections }, { turns }] = [visits.count, ledger];
      // It keeps ten thousand with all they were asked, and lives in this process.
      model.calls.length = 0;
      const apps = await readApps(fixture);
      return { connections, turns, readings: [...apps, ...(await readOwn()), ...(await readServers(stack, keys))] };
    });
    await visits.end();
    const unrest = [...(await settle(stack, readers, ledger)), ...(await takeOver(stack, readers))];
    await client.close();
    return {
      samples,
      judgements: seriesOf(samples).map(judge),
      /** Promises of SPEC.md that were broken. */
      violations: [...visits.violations, ...ledger.violations, ...unrest],
      /** What was still held when all clients had left. */
      remains: await whatRemains(stack, keys, EMPTY_WITHIN_MS),
      ...visits.count,
      acked: ledger.acked,
      turns: ledger.turns,
    };
  } finally {
    await visits.end();
    await client.close();
  }
}

async function watch(
  { durationMs, everyMs, onSample }: SoakOptions,
  read: () => Promise<Omit<Sample, "atMs">>,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  // On a loaded machine a sample may take longer than the time between two.
  for (let at = everyMs; at <= durationMs; at = Math.max(at + everyMs, elapsed())) {
    await sleep(Math.max(0, at - elapsed()));
    const sample = { ...(await read()), atMs: Math.round(elapsed()) };
    samples.push(sample);
    onSample?.(sample);
  }
  return samples;
}

/** Reads a session all the time, by a connection that reads them all, and enters its committed turns in the ledger. */
class SteadyReader extends Participant {
  readonly #session: Session;

  constructor(client: HoldfastClient, key: SessionKey, ledger: Ledger) {
    super({ name: `the reader of ${refOf(key)}`, key, edges: [], token: async () => "", clock: () => 0 });
    this.#session = client.session(refOf(key), { agent: "concierge" });
    this.#session.on("frame", (frame) => {
      if (!isGrowing(frame)) ledger.committed(this.path, this.#session.get().turns);
    });
  }

  view(): Snapshot {
    return snapshotOf(this.#session.get());
  }

  say(): never {
    throw new Error("It only reads.");
  }

  observe(): never {
    throw new Error("It only reads.");
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** Waits until everything acknowledged is in a turn and what is read is what the workflows answer; gives what is not so. */
async function settle(stack: Stack, readers: readonly SteadyReader[], ledger: Ledger): Promise<string[]> {
  await until("every input is in a turn", () => ledger.owed.length === 0, REST_MS).catch(() => undefined);
  const { transcripts, hangs } = await rest(readers, stack.temporalAddress);
  for (const [path, truth] of transcripts) ledger.checkObserves(path, appliedObserves(truth));
  return [...ledger.owed.map((input) => `lost: ${input} is durable and in no turn`), ...hangs];
}

/**
 * Another process takes up every session: it has to go the way of their histories once more, and to come to where readers
 * are. A session that cannot be replayed stands still for ever once it is in no worker's memory any more.
 */
async function takeOver(stack: Stack, readers: readonly SteadyReader[]): Promise<string[]> {
  await stack.restart("orchestrator");
  await withTemporal(stack.temporalAddress, async (temporal) => {
    // One after the other: replaying all at once they would keep one another from being done in time.
    for (const { key } of readers) await askSession(temporal, key, QUERY_MS).catch(() => undefined);
  });
  const { hangs } = await rest(readers, stack.temporalAddress);
  return hangs.map((hang) => `not taken over: ${hang}`);
}
