import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { type Scene, startScene } from "../conformance/stack.ts";
import { readApps, readHarness } from "./app-instruments.ts";
import { whatRemains } from "./emptiness.ts";
import { House } from "./house.ts";
import { KeptHeaps } from "./kept-heaps.ts";
import { Ledger } from "./ledger.ts";
import { rest, takeOver } from "./rest.ts";
import { Scribe } from "./scribe.ts";
import { type Sample, seriesOf } from "./series.ts";
import { ServerInstruments } from "./server-instruments.ts";
import { type Judgement, judge } from "./verdict.ts";

export interface SoakPlan {
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
const answer = (text: string): string => answerTokens(text, parseScript(SCRIPT)).join("");

/** Lets clients come and go for the planned time, and measures what stays. */
export async function soak(plan: SoakPlan): Promise<SoakResult> {
  const heaps = await KeptHeaps.prepare();
  const logs = plan.dir === undefined ? {} : { dir: plan.dir, persist: false };
  const scene = await startScene({ ...logs, env: { all: heaps.env } });
  try {
    return await soakScene(plan, scene, heaps);
  } finally {
    await scene.stop();
    await heaps.remove();
  }
}

/** The same with a stack that runs already, whose apps were started with what `heaps` asks for, and without a session. */
export async function soakScene(plan: SoakPlan, scene: Scene, heaps: KeptHeaps): Promise<SoakResult> {
  const { stack } = scene;
  scene.model.setDefault(SCRIPT);
  const keys = Array.from({ length: plan.sessions }, (_, index): SessionKey => {
    return { tenant: "acme", owner: `host-${index + 1}`, name: "talk" };
  });
  const ledger = new Ledger(answer);
  const instruments = new ServerInstruments(stack);
  const scribe = new Scribe(stack, keys, ledger);
  await scribe.connected();
  const { clients, seed, silences } = plan;
  const house = new House(stack, ledger, { clients, seed, silences, keys, answer });
  try {
    const samples = await watch(plan, scene, heaps, { house, ledger, instruments, keys });
    await house.close();
    const violations = [
      ...(await rest(keys, ledger, scribe, instruments)),
      ...(await takeOver(stack, keys, scribe, instruments)),
    ];
    await scribe.leave();
    const remains = await whatRemains(stack, instruments, keys, EMPTY_WITHIN_MS);
    return {
      samples,
      judgements: seriesOf(samples).map(judge),
      violations: [...house.violations, ...ledger.violations, ...violations],
      remains,
      visits: house.visits,
      connections: house.connections,
      acked: ledger.acked,
      turns: ledger.turns,
    };
  } finally {
    await house.close();
    await scribe.leave();
    await instruments.close();
  }
}

interface Watched {
  house: House;
  ledger: Ledger;
  instruments: ServerInstruments;
  keys: readonly SessionKey[];
}

async function watch(
  { durationMs, everyMs, onSample }: SoakPlan,
  { stack, model }: Scene,
  heaps: KeptHeaps,
  { house, ledger, instruments, keys }: Watched,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  // On a loaded machine a sample may take longer than the time between two.
  for (let at = everyMs; at <= durationMs; at = Math.max(at + everyMs, elapsed())) {
    await sleep(Math.max(0, at - elapsed()));
    // It keeps ten thousand with all they were asked, and lives in this process.
    model.calls.length = 0;
    const { connections } = house;
    const { turns } = ledger;
    const readings = [
      ...(await readApps(stack, heaps)),
      ...(await readHarness(house.openLines)),
      ...(await instruments.read(keys)),
    ];
    const sample = { atMs: Math.round(elapsed()), connections, turns, readings };
    samples.push(sample);
    onSample?.(sample);
  }
  return samples;
}
