import { textOf } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, observe, startHarness, withText } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

test("sessions go on without Redis, and their logs are repaired when it comes back empty", async () => {
  const keys = [newKey(), newKey(), newKey()];
  for (const key of keys) {
    await harness.signal(key, batch("p", input(1, "one")), "concierge");
    await harness.until(key, ({ turns }) => turns.length === 1);
  }
  await harness.stopValkey();
  for (const key of keys) {
    await harness.signal(key, batch("p", input(2, "two"), observe(3, "click"), input(4, "three")), "concierge");
    const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 3);
    expect(turns.map(textOf)).toEqual(["re: one", "re: two", "re: three"]);
  }
  await harness.restartValkey();
  for (const key of keys) {
    const snapshot = await harness.snapshot(key);
    await eventually(async () => {
      expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
    });
  }
  // And from there on by frames alone: an interrupt reaches the attempt through the log again.
  const [key] = keys;
  if (key === undefined) throw new Error("There is no session.");
  await harness.signal(key, batch("p", input(5, "hold")), "concierge");
  await harness.untilHeld(key, "held");
  expect(await harness.command(key, { id: "c1", name: "interrupt", args: {} })).toEqual({ turn: 4 });
  const { turns, version } = await harness.until(key, (snapshot) => snapshot.turns.length === 4);
  expect(withText(turns).at(-1)).toMatchObject({ outcome: "interrupted", text: "held" });
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { version } });
  expect(await repairs(key)).toBeLessThanOrEqual(2);
});

/** One repair at a time, however many frames were missed. */
async function repairs(key: ReturnType<typeof newKey>): Promise<number> {
  const { events } = await harness.handle(key).fetchHistory();
  const types = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name) ?? [];
  return types.filter((type) => type === "repair").length;
}
