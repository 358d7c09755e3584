import { setTimeout as delay } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { batch, type Harness, input, newKey, observe, startHarness } from "./harness.ts";

/** The server's own hint comes early, so that one test sees many continuations. */
const HINT_EVENTS = 150;

let harness: Harness;
beforeAll(async () => {
  const hint = ["--dynamic-config-value", `limit.historyCount.suggestContinueAsNew=${HINT_EVENTS}`];
  harness = await startHarness({ temporalArgs: hint });
});
afterAll(() => harness.stop());

/** An edge under load: its next batch as soon as the one before is durable, and the pace edges keep (50 a second). */
async function flood(key: SessionKey, producer: string, signals: number, inputEvery: number): Promise<number[]> {
  const inputs: number[] = [];
  for (let seq = 1; seq <= signals; seq++) {
    const isInput = seq % inputEvery === 0;
    if (isInput) inputs.push(seq);
    await harness.signal(
      key,
      batch(producer, isInput ? input(seq, `${producer}${seq}`) : observe(seq, producer)),
      "concierge",
    );
    await delay(20);
  }
  return inputs;
}

test(
  "continue-as-new loses and repeats nothing under a steady flood from two edges",
  { timeout: 300_000 },
  async () => {
    const key = newKey();
    const signals = 300;
    await harness.signal(key, batch("x", input(1, "first")), "concierge");
    const { runId: firstRun } = await harness.handle(key).describe();
    const [p, q] = await Promise.all([flood(key, "p", signals, 20), flood(key, "q", signals, 25)]);
    const total = 1 + p.length + q.length;
    const { turns, state, applied, version } = await harness.until(key, (snapshot) => snapshot.turns.length === total);

    expect((await harness.handle(key).describe()).runId).not.toBe(firstRun);
    const taken = (producer: string) =>
      turns.flatMap((turn) => turn.inputs.filter((one) => one.producer === producer).map((one) => one.seq));
    expect(taken("p")).toEqual(p);
    expect(taken("q")).toEqual(q);
    expect(turns.map((turn) => turn.turn)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    expect(turns.filter((turn) => turn.outcome !== "completed")).toEqual([]);
    expect(applied).toEqual({ "ann/x": 1, "ann/p": p.at(-1), "ann/q": q.at(-1) });
    const observed = new Map([
      ["p", signals - p.length],
      ["q", signals - q.length],
    ]);
    expect(state["observed"]).toEqual(
      [...observed].map(([name, count]) => ({ name, count })).toSorted((a, b) => b.count - a.count),
    );
    // The log followed every run: it is at the same version, whole, and exact.
    expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { version, state } });
  },
);

test("send-7, command-1: what was taken and answered before is known in the next run", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hold")));
  await harness.until(key, ({ running }) => running !== null);
  const call = { id: "c1", name: "interrupt", args: {} };
  expect(await harness.command(key, call)).toEqual({ turn: 1 });
  await harness.until(key, ({ turns }) => turns.length === 1);
  const { runId } = await harness.handle(key).describe();
  for (let seq = 2; (await harness.handle(key).describe()).runId === runId; seq++) {
    await harness.signal(key, batch("p", input(seq, `m${seq}`)));
    await harness.until(key, ({ turns }) => turns.length === seq);
  }
  const { turns } = await harness.snapshot(key);
  await harness.signal(key, batch("p", input(1, "hold"), input(2, "m2")));
  await harness.signal(key, batch("p", input(turns.length + 1, "hold")));
  await harness.until(key, ({ running }) => running !== null);
  // Executed again it would stop the turn that runs now.
  expect(await harness.command(key, call)).toEqual({ turn: 1 });
  expect(await harness.snapshot(key)).toMatchObject({ running: { turn: turns.length + 1 } });
  expect(await harness.command(key, { ...call, id: "c2" })).toEqual({ turn: turns.length + 1 });
});
