import { setTimeout as sleep } from "node:timers/promises";
import { QUERY_SNAPSHOT, type SessionKey, sessionPath, type SessionTruth, workflowIdOf } from "@holdfast/contract";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { appliedObserves, differ } from "../chaos/checker.ts";
import { type Scene, startScene } from "../conformance/stack.ts";
import { readApps, readHarness } from "./app-instruments.ts";
import { whatRemains } from "./emptiness.ts";
import { House } from "./house.ts";
import { KeptHeaps } from "./kept-heaps.ts";
import { Ledger } from "./ledger.ts";
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
const REST_MS = 120_000;
const answer = (text: string): string => answerTokens(text, parseScript(SCRIPT)).join("");

/** Lets clients come and go for the planned time, and measures what stays. */
export async function soak(plan: SoakPlan): Promise<SoakResult> {
  const heaps = await KeptHeaps.prepare();
  const scene = await startScene({ env: { all: heaps.env } });
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
    const violations = await rest(keys, ledger, scribe, instruments);
    await scribe.leave();
    const remains = await whatRemains(stack, instruments, keys, REST_MS);
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
  for (let at = everyMs; at <= durationMs; at += everyMs) {
    await sleep(Math.max(0, began + at - performance.now()));
    // It keeps ten thousand with all they were asked, and lives in this process.
    model.calls.length = 0;
    const { connections } = house;
    const { turns } = ledger;
    const readings = [
      ...(await readApps(stack, heaps)),
      ...(await readHarness(house.openLines)),
      ...(await instruments.read(keys)),
    ];
    const sample = { atMs: Math.round(performance.now() - began), connections, turns, readings };
    samples.push(sample);
    onSample?.(sample);
  }
  return samples;
}

/** Waits until everything acknowledged is in a turn, then holds what is read against what the workflows answer. */
async function rest(
  keys: readonly SessionKey[],
  ledger: Ledger,
  scribe: Scribe,
  { temporal }: ServerInstruments,
): Promise<string[]> {
  let open: string[] = [];
  for (const until = performance.now() + REST_MS; performance.now() < until; await sleep(250)) {
    open = ledger.owed.map((input) => `lost: ${input} is durable and in no turn`);
    const observes = new Map<string, number>();
    for (const key of keys) {
      const path = sessionPath(key);
      const { snapshot } = await temporal.workflow.getHandle(workflowIdOf(key)).query<SessionTruth>(QUERY_SNAPSHOT);
      const difference = snapshot.running === null ? differ(scribe.view(path), snapshot) : "a turn is running";
      if (difference !== undefined) open.push(`diverged: ${path}: ${difference}`);
      observes.set(path, appliedObserves(snapshot));
    }
    if (open.length > 0) continue;
    for (const [path, applied] of observes) ledger.checkObserves(path, applied);
    return [];
  }
  return open;
}
