import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { batch, type Harness, input, newKey, startHarness, withText } from "./harness.ts";

/** A turn's deadline is about the model, whatever clocks say and however late Temporal hears of an answer. */
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ workflowsPath: fileURLToPath(new URL("test-agents.ts", import.meta.url)) });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => harness.stop());

test("turn-5: an answer that readers have seen is not lost to Temporal's being away for longer than the deadline", async () => {
  const key = newKey();
  // The agent allows four seconds.
  await harness.signal(key, batch("p", input(1, "wait")), "prompt");
  await harness.untilHeld(key, "half");
  harness.pauseTemporal();
  harness.model.goOn();
  await harness.untilHeld(key, "half and whole");
  // This is the fault, not a wait for something.
  await delay(6_000);
  harness.resumeTemporal();
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(withText(turns)).toMatchObject([{ outcome: "completed", text: "half and whole", finish: "stop" }]);
});

test.for([2, -2])("turn-5: a worker whose clock is %i minutes ahead takes turns of several steps", async (minutes) => {
  const now = Date.now;
  vi.spyOn(Date, "now").mockImplementation(() => now() + minutes * 60_000);
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")), "two-steps");
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(withText(turns)).toMatchObject([{ outcome: "completed", text: "re: hellore: re: hello" }]);
});

test("turn-5: to Temporal a step may take its agent's deadline and an hour", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")), "prompt", "nobody");
  await harness.until(key, ({ running }) => running !== null);
  const { events } = await harness.handle(key).fetchHistory();
  const scheduled = events?.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
  expect(scheduled?.map((step) => Number(step.scheduleToCloseTimeout?.seconds))).toEqual([3_604]);
});
