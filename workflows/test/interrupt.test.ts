import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import { UPDATE_COMMAND } from "@holdfast/internal";
import proto from "@temporalio/proto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, startHarness, withText } from "./harness.ts";

const { PendingActivityState } = proto.temporal.api.enums.v1;

/** The next stop waits until this is resolved. */
let gate: Promise<void> | undefined;
/** Stops being requested, and other uses of the log that began meanwhile: two side by side could not be replayed. */
let stops = 0;
const beside: string[] = [];
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    localActivities: (real) => ({
      async publish(...what) {
        if (stops > 0) beside.push("publish");
        return real.publish(...what);
      },
      async heldStep(...what) {
        if (stops > 0) beside.push("heldStep");
        return real.heldStep(...what);
      },
      async requestStop(key, turn) {
        stops++;
        const held = gate;
        gate = undefined;
        await held;
        const outcome = await real.requestStop(key, turn);
        // Time for another to begin and end, which none must: there is nothing to wait for.
        await sleep(200);
        stops--;
        return outcome;
      },
    }),
  });
});
afterAll(() => harness.stop());

test("command-2: an interrupted turn keeps its partial text though its attempt fails before it hears of the interrupt", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hang")));
  await harness.untilHeld(key, "hung");
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
  expect(withText(snapshot.turns)).toMatchObject([{ turn: 1, outcome: "interrupted", by: "ann", text: "hung" }]);
});

test("turn-2: a session whose turn ended while its interrupt was under way can be taken up by another worker", async () => {
  // A try of the model's that began at the wrong moment lets the turn end a task later.
  let wereTogether = false;
  for (let round = 0; round < 10 && !wereTogether; round++) wereTogether = await interruptAsTurnEnds(newKey());
  expect(wereTogether).toBe(true);
  expect(beside).toEqual([]);
});

/** Whether the second of two interrupts and the turn's end came in one workflow task. */
async function interruptAsTurnEnds(key: SessionKey): Promise<boolean> {
  await harness.signal(key, batch("p", input(1, "hang"), input(2, "next")));
  await harness.untilHeld(key, "hung");
  // The first interrupt holds up the workflow task it came in, so that the second and the turn's end share the next one.
  const opened = Promise.withResolvers<void>();
  gate = opened.promise;
  const first = harness.command(key, { id: "c1", name: "interrupt", args: { turn: 1 } });
  await vi.waitFor(() => expect(gate).toBeUndefined(), { timeout: 30_000, interval: 10 });
  const second = harness.handle(key).executeUpdate(UPDATE_COMMAND, {
    updateId: "c2",
    args: [{ id: "c2", by: "ann", name: "interrupt", args: { turn: 1 } }],
  });
  harness.model.breakOff();
  await reachesServer(key, "c2");
  await failsOnce(key);
  opened.resolve();
  expect(await Promise.all([first, second])).toEqual([{ turn: 1 }, { turn: 1 }]);
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 2);
  expect(withText(turns)).toMatchObject([{ outcome: "interrupted" }, { outcome: "completed", text: "re: next" }]);
  await harness.replay(key);
  return (await tasksFromEndToUpdate(key, "c2")) === 1;
}

/** No history has an Update that its workflow was not told of; the server knows it. */
async function reachesServer(key: SessionKey, updateId: string): Promise<void> {
  const updateRef = { workflowExecution: { workflowId: workflowIdOf(key) }, updateId };
  await eventually(() =>
    harness.client.workflowService.pollWorkflowExecutionUpdate({ namespace: "default", updateRef }),
  );
}

/** Until `respond` waits for its next attempt: whoever cancels it now ends it at once. */
async function failsOnce(key: SessionKey): Promise<void> {
  await eventually(async () => {
    const [respond] = (await harness.handle(key).describe()).raw.pendingActivities ?? [];
    expect(respond?.lastFailure).toBeTruthy();
    expect(respond?.state).toBe(PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED);
  });
}

/** Workflow tasks from the first turn's end up to the one that took the Update. */
async function tasksFromEndToUpdate(key: SessionKey, updateId: string): Promise<number> {
  const { events } = await harness.handle(key).fetchHistory();
  const found = events ?? [];
  const ended = found.findIndex(
    (event) =>
      event.activityTaskCanceledEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      // A try that began at the wrong moment finds that it is to stop, and says so.
      event.activityTaskCompletedEventAttributes,
  );
  const taken = found.findIndex(
    (event) => event.workflowExecutionUpdateAcceptedEventAttributes?.protocolInstanceId === updateId,
  );
  expect(ended).toBeGreaterThan(0);
  expect(taken).toBeGreaterThan(0);
  return found.slice(ended, taken).filter((event) => event.workflowTaskCompletedEventAttributes).length;
}
