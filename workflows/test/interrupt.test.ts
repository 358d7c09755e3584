import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { batch, type Harness, input, newKey, startHarness } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

test("command-2: an interrupted turn keeps its partial text though its attempt fails before it hears of the interrupt", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hang")));
  await vi.waitFor(
    async () => {
      expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { running: { text: "hung" } } });
    },
    { timeout: 30_000, interval: 50 },
  );
  const answer = await harness.command(key, { id: "c", name: "interrupt", args: { turn: 1 } });
  harness.model.breakOff();
  expect(answer).toEqual({ turn: 1 });
  const snapshot = await vi.waitFor(
    async () => {
      const now = await harness.snapshot(key);
      if (now.turns.length === 0) throw new Error("the turn has not ended");
      return now;
    },
    { timeout: 30_000, interval: 50 },
  );
  expect(snapshot.turns).toMatchObject([{ turn: 1, outcome: "interrupted", text: "hung" }]);
});
