import { setTimeout as delay } from "node:timers/promises";
import { type SessionKey } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { batch, type Harness, input, newKey, observe, startHarness } from "./harness.ts";

const TURNS = 20;
const OBSERVES = 80;

/** Publishings that have begun, by their session's name. */
const begun = new Map<string, number>();
/** Queries that were under way when a publishing of their session began. */
let met = 0;

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    localActivities: (real) => ({
      ...real,
      // Time for a Query to come while it runs.
      async publish(key, ...what) {
        begun.set(key.name, (begun.get(key.name) ?? 0) + 1);
        await delay(5);
        return real.publish(key, ...what);
      },
    }),
  });
});
afterAll(() => harness.stop());

async function converse(key: SessionKey): Promise<void> {
  let isOver = false;
  const ask = async (): Promise<void> => {
    while (!isOver) {
      const before = begun.get(key.name);
      await harness.snapshot(key);
      if (begun.get(key.name) !== before) met++;
    }
  };
  const observes = async (): Promise<void> => {
    for (let seq = 1; seq <= OBSERVES; seq++) {
      await harness.signal(key, batch("q", observe(seq, "click")), "concierge");
      await delay(20);
    }
  };
  const inputs = async (): Promise<void> => {
    for (let seq = 2; seq <= TURNS; seq++) {
      await harness.signal(key, batch("p", input(seq, "hello")), "concierge");
      await delay(60);
    }
  };
  await harness.signal(key, batch("p", input(1, "hello")), "concierge");
  const asking = Promise.all([ask(), ask(), ask()]);
  await Promise.all([observes(), inputs()]);
  await harness.until(key, ({ turns }) => turns.length === TURNS);
  isOver = true;
  await asking;
}

// The SDK's releases 1.23 and 1.24 told a workflow of a local activity's result in one task and its replay of it in another,
// where a Query had come meanwhile: such a session could never be taken up again.
test("open-3: sessions that are asked for snapshots while they publish can be taken up by another worker", async () => {
  const keys = Array.from({ length: 5 }, newKey);
  await Promise.all(keys.map(converse));
  expect(met).toBeGreaterThan(0);
  for (const key of keys) await expect(harness.replay(key)).resolves.toBeUndefined();
});
