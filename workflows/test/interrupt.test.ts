import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { batch, type Harness, input, newKey, startHarness } from "./harness.ts";

/** The next stop waits until this is resolved. */
let gate: Promise<void> | undefined;
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    localActivities: (real) => ({
      ...real,
      async requestStop(key, turn) {
        const held = gate;
        gate = undefined;
        await held;
        const outcome = await real.requestStop(key, turn);
        // Slower than the publishing that may run beside it.
        await sleep(200);
        return outcome;
      },
    }),
  });
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

test("turn-2: a session whose turn ended while its interrupt was under way can be taken up by another worker", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hang"), input(2, "next")));
  await vi.waitFor(
    async () => {
      expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { running: { text: "hung" } } });
    },
    { timeout: 30_000, interval: 50 },
  );
  // The first interrupt holds up the workflow task it came in, so that the second and the turn's end share the next one.
  const opened = Promise.withResolvers<void>();
  gate = opened.promise;
  const first = harness.command(key, { id: "c1", name: "interrupt", args: { turn: 1 } });
  await vi.waitFor(() => expect(gate).toBeUndefined(), { timeout: 30_000, interval: 10 });
  const second = harness.command(key, { id: "c2", name: "interrupt", args: { turn: 1 } });
  harness.model.breakOff();
  await sleep(1_000);
  opened.resolve();
  expect(await Promise.all([first, second])).toEqual([{ turn: 1 }, { turn: 1 }]);
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 2);
  expect(turns).toMatchObject([{ outcome: "interrupted" }, { outcome: "completed", text: "re: next" }]);
  await harness.replay(key);
});
