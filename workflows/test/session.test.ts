import type { SessionKey, Snapshot } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { batch, type Harness, input, newKey, startHarness } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

async function until(key: SessionKey, done: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  return vi.waitFor(
    async () => {
      const snapshot = await harness.snapshot(key);
      if (!done(snapshot)) throw new Error(`not yet: ${JSON.stringify(snapshot)}`);
      return snapshot;
    },
    { timeout: 30_000, interval: 50 },
  );
}

test("send-2: an input becomes a turn", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")));
  const snapshot = await until(key, ({ turns }) => turns.length === 1);
  expect(snapshot).toMatchObject({ version: 2, turns: [{ turn: 1, outcome: "completed", text: "re: hello" }] });
});
