import { setTimeout as delay } from "node:timers/promises";
import { temporal } from "@temporalio/proto";
import { type SessionKey, textOf } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { batch, type Harness, input, newKey, observe, startHarness } from "./harness.ts";

const HINT_EVENTS = 37;
const UNHANDLED = temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND;

/** What comes while the workflow task is under way that has just published a turn's end. */
let meanwhile: ((key: SessionKey) => Promise<unknown>) | undefined;
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    temporalArgs: ["--dynamic-config-value", `limit.historyCount.suggestContinueAsNew=${HINT_EVENTS}`],
    localActivities: (real) => ({
      ...real,
      async publish(key, commit, started) {
        const outcome = await real.publish(key, commit, started);
        if (commit.turn === undefined) return outcome;
        const come = meanwhile?.(key);
        meanwhile = undefined;
        // After a run was once refused its end the server lets signals wait for the next try, and so for this task.
        await Promise.race([come, delay(500)]);
        return outcome;
      },
    }),
  });
});
afterAll(() => harness.stop());

/** Lets something come into the task of every turn's end, until the server has refused to end a run for it; the turns it took. */
async function converse(key: SessionKey, come: (turn: number) => Promise<unknown>): Promise<number> {
  const runIds = new Set<string>();
  let filler = 0;
  for (let turn = 1; ; turn++) {
    // So that a run is long enough now in this task, now in that.
    for (let n = 0; n < (turn - 1) % 4; n++) {
      await harness.signal(key, batch("f", observe(++filler, "filler")), "concierge");
      await harness.snapshot(key);
    }
    const came = Promise.withResolvers<unknown>();
    meanwhile = async () => {
      const coming = come(turn);
      came.resolve(coming);
      await coming;
    };
    await harness.signal(key, batch("p", input(turn, "hello")), "concierge");
    runIds.add((await harness.handle(key).describe()).runId);
    await came.promise;
    await harness.until(key, ({ turns }) => turns.length === turn);
    if (await wasRefused(key, runIds)) return turn;
  }
}

async function wasRefused(key: SessionKey, runIds: ReadonlySet<string>): Promise<boolean> {
  for (const runId of runIds) {
    const run = harness.client.workflow.getHandle(harness.handle(key).workflowId, runId);
    const { events } = await run.fetchHistory();
    if (events?.some((event) => event.workflowTaskFailedEventAttributes?.cause === UNHANDLED)) return true;
  }
  return false;
}

async function typesInLog(key: SessionKey): Promise<string[]> {
  const read = await harness.log.read(key, "0", 1_000);
  if (read.outcome !== "frames") throw new Error("the log was trimmed");
  return read.frames.map((frame) => (frame.type === "turn.ended" ? frame.outcome : frame.type));
}

test("turn-2: a commit that was published stays as it is when its task is executed again with an observe", async () => {
  const key = newKey();
  const count = await converse(key, (turn) => harness.signal(key, batch("q", observe(turn, "click")), "concierge"));
  const { state, version } = await harness.until(key, (snapshot) =>
    JSON.stringify(snapshot.state["observed"]).includes(`"click","count":${count}`),
  );
  expect(await typesInLog(key)).not.toContain("resync");
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { version, state } });
});

test("turn-2: a turn that was shown complete stays so when its task is executed again with an interrupt", async () => {
  const key = newKey();
  const count = await converse(key, async (turn) => {
    // The server refuses for the signal's sake, and the task that follows brings both.
    const command = harness.command(key, { id: `c${turn}`, name: "interrupt", args: {} });
    await Promise.all([command, harness.signal(key, batch("q", observe(turn, "click")), "concierge")]);
  });
  const { turns, version } = await harness.until(key, (snapshot) =>
    JSON.stringify(snapshot.state["observed"]).includes(`"click","count":${count}`),
  );
  expect(turns.map((turn) => `${turn.outcome}: ${textOf(turn)}`)).toEqual(turns.map(() => "completed: re: hello"));
  const types = await typesInLog(key);
  expect(types).not.toContain("resync");
  expect(types).not.toContain("interrupted");
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { version, turns } });
});
