import type { SessionKey } from "@holdfast/contract";
import { type HistoryPage, type HistoryQuery, QUERY_HISTORY } from "@holdfast/internal";
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

/** Turns over which one figure is averaged. */
const STRETCH = 10;

interface Size {
  runId: string | undefined;
  events: number;
  bytes: number;
}

/** Of the current run's history, once no workflow task adds to it any more. */
async function size(key: SessionKey): Promise<Size> {
  return eventually(async () => {
    const { runId } = await harness.handle(key).describe();
    const { events = [] } = await harness.handle(key).fetchHistory();
    const started = events?.findLastIndex((event) => event.workflowTaskScheduledEventAttributes) ?? -1;
    const ended = events?.findLastIndex((event) => event.workflowTaskCompletedEventAttributes) ?? -1;
    if (ended <= started) throw new Error("a workflow task is under way");
    const history = History.encode(History.fromObject({ events }));
    return { runId, events: events?.length ?? 0, bytes: history.finish().byteLength };
  });
}

/** What each of the turns after `from` adds, all within one run. */
async function costAfter(key: SessionKey, from: number): Promise<{ events: number; bytes: number }> {
  const before = await size(key);
  await takeTurns(key, "concierge", from + 1, from + STRETCH);
  const after = await size(key);
  // Of two runs the difference says nothing about a turn.
  expect(after.runId).toBe(before.runId);
  return { events: (after.events - before.events) / STRETCH, bytes: (after.bytes - before.bytes) / STRETCH };
}

test("a turn adds at most 12 events, and the 300th no more bytes than the 10th", { timeout: 300_000 }, async () => {
  const key = newKey();
  await takeTurns(key, "concierge", 1, 10);
  const early = await costAfter(key, 10);
  await takeTurns(key, "concierge", 21, 290);
  // Every thirty-six turns or so a run has 400 events, and the session continues as a new one: measure within the next.
  const { runId } = await size(key);
  let turn = 290;
  for (; (await size(key)).runId === runId; turn++) await takeTurns(key, "concierge", turn + 1, turn + 1);
  const late = await costAfter(key, turn);
  console.log("history per turn", { turn10: early, [`turn${turn}`]: late });
  for (const { events, bytes } of [early, late]) {
    expect(events).toBeGreaterThan(0);
    expect(events).toBeLessThanOrEqual(12);
    expect(bytes).toBeGreaterThan(0);
  }
  // Numbers get a digit longer; nothing else may.
  expect(late.bytes).toBeLessThan(early.bytes * 1.05);

  await takeTurns(key, "concierge", turn + STRETCH + 1, 400);
  const { version, turns, state } = await harness.snapshot(key);
  expect(version).toBe(800);
  expect(turns.map((turn) => turn.turn)).toEqual(Array.from({ length: 200 }, (_, i) => 201 + i));
  expect(state["messages"]).toBe(400);
  expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { version, state } });

  // history-1: those that the snapshot has no room for are there, after a dozen runs.
  const query: HistoryQuery = { before: 201, limit: 50 };
  const older = await harness.handle(key).query<HistoryPage, [HistoryQuery]>(QUERY_HISTORY, query);
  expect(older.turns.map((turn) => turn.turn)).toEqual(Array.from({ length: 50 }, (_, i) => 151 + i));
  expect(older.more).toBe(true);
});
