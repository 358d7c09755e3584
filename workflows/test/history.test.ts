import type { SessionKey } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { History } from "./history-file.ts";
import { batch, type Harness, input, newKey, startHarness } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

async function takeTurns(key: SessionKey, agent: string, from: number, to: number): Promise<void> {
  for (let seq = from; seq <= to; seq++) {
    await harness.signal(key, batch("p", input(seq, `message ${1_000 + seq}`)), agent);
    await eventually(async () => {
      const { version } = await harness.log.head(key);
      expect(version).toBeGreaterThanOrEqual(2 * seq);
    }, 5);
  }
}

/** Events and bytes of a run's history so far. */
async function size(key: SessionKey): Promise<{ events: number; bytes: number }> {
  const { events } = await harness.handle(key).fetchHistory();
  return { events: events?.length ?? 0, bytes: History.encode(History.fromObject({ events })).finish().byteLength };
}

test("a turn adds at most 12 events, and the 300th no more bytes than the 10th", { timeout: 300_000 }, async () => {
  const key = newKey();
  await takeTurns(key, "concierge", 1, 10);
  const at10 = await size(key);
  await takeTurns(key, "concierge", 11, 20);
  const at20 = await size(key);
  await takeTurns(key, "concierge", 21, 290);
  const at290 = await size(key);
  await takeTurns(key, "concierge", 291, 300);
  const at300 = await size(key);
  const early = { events: (at20.events - at10.events) / 10, bytes: (at20.bytes - at10.bytes) / 10 };
  const late = { events: (at300.events - at290.events) / 10, bytes: (at300.bytes - at290.bytes) / 10 };
  console.log("history per turn", { turn10: early, turn300: late });
  expect(early.events).toBeLessThanOrEqual(12);
  expect(late.events).toBeLessThanOrEqual(12);
  // Numbers get a digit longer; nothing else may.
  expect(late.bytes).toBeLessThan(early.bytes * 1.05);

  // Every thirty-six turns or so a run has 400 events, and the session continues as a new one.
  const { runId } = await harness.handle(key).describe();
  await takeTurns(key, "concierge", 301, 400);
  expect((await harness.handle(key).describe()).runId).not.toBe(runId);
  const { version, turns, state } = await harness.snapshot(key);
  expect(version).toBe(800);
  expect(turns.map((turn) => turn.turn)).toEqual(Array.from({ length: 200 }, (_, i) => 201 + i));
  expect(state["messages"]).toBe(400);
  expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { version, state } });
});
