/**
 * Records the histories that replay.test.ts replays: `npm run record -w @holdfast/workflows`, those there are no files of.
 * What is recorded stays: the old files are what proves that deployed sessions survive a new release, and one is deleted, to
 * be recorded anew, only when a change of the workflow is meant to break what runs.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type SessionKey, textOf, type Turn } from "@holdfast/contract";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, observe, startHarness } from "./harness.ts";
import { writeHistory } from "./history-file.ts";

const textsOf = (turns: Turn[]): string[] => turns.map(textOf);

function fileOf(name: string): URL {
  return new URL(`histories/${name}.history.json`, import.meta.url);
}

async function save(harness: Harness, key: SessionKey, name: string, runId?: string): Promise<void> {
  const handle = harness.client.workflow.getHandle(harness.handle(key).workflowId, runId);
  const { historyLength } = await handle.describe();
  await writeHistory(fileOf(name), await handle.fetchHistory());
  console.log(name, historyLength, "events");
}

async function recordTurns(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "turns" };
  await harness.signal(key, batch("p", observe(1, "click")), "concierge");
  await harness.signal(key, batch("p", input(2, "I love the opera in Paris"), observe(3, "hover")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 1);
  await harness.signal(key, batch("p", input(4, "refuse"), input(5, "hold")), "concierge");
  await harness.untilHeld(key, "held");
  await harness.signal(key, batch("q", observe(1, "click"), input(2, "and then?")), "concierge");
  await harness.command(key, { id: "c1", name: "interrupt", args: { turn: 3 } });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 4);
  const outcomes = turns.map((turn) => turn.outcome);
  assert.deepEqual(outcomes, ["completed", "failed", "interrupted", "completed"]);
  await save(harness, key, "turns");
}

async function recordContinuedRun(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "continued" };
  await harness.signal(key, batch("p", input(1, "m1")));
  const { runId } = await harness.handle(key).describe();
  for (let seq = 2; (await harness.handle(key).describe()).runId === runId; seq++) {
    await harness.signal(key, batch("p", input(seq, `m${seq}`)));
    await harness.until(key, ({ turns }) => turns.length === seq);
  }
  await harness.signal(key, batch("q", input(1, "after")));
  await harness.until(key, ({ turns }) => textsOf(turns).at(-1) === "re: after");
  await save(harness, key, "continued-first-run", runId);
  await save(harness, key, "continued-second-run");
}

async function recordRepair(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "repaired" };
  await harness.signal(key, batch("p", input(1, "one")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 1);
  await harness.stopValkey();
  await harness.signal(key, batch("p", input(2, "two"), input(3, "three")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 3);
  await harness.restartValkey();
  await eventually(async () => assert.equal((await harness.log.snapshot(key)).outcome, "snapshot"));
  await harness.signal(key, batch("p", input(4, "four")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 4);
  await save(harness, key, "repaired");
}

/** Whatever is to be remembered goes along: marks, answers, inputs that wait, what was observed, the epoch. */
async function recordBelongings(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "belongings" };
  const inputs = Array.from({ length: 12 }, (_, index) => input(index + 2, index === 0 ? "hold" : `m${index + 2}`));
  await harness.signal(key, batch("p", observe(1, "click"), ...inputs), "concierge");
  const { runId } = await harness.handle(key).describe();
  await harness.signal(key, { runs: [{ by: "ann", producer: "q", at: 0, events: [{ seq: 1, kind: "approve" }] }] });
  // Whichever turn runs now.
  await eventually(async () => {
    assert.notDeepEqual(await harness.command(key, { id: "c1", name: "interrupt", args: {} }), { turn: null });
  });
  await harness.until(key, ({ turns }) => turns.length === inputs.length);
  await harness.signal(key, batch("p", input(13, "m13"), input(14, "after")), "concierge");
  await harness.until(key, ({ turns }) => textsOf(turns).at(-1) === "re: after");
  assert.notDeepEqual(await harness.command(key, { id: "c1", name: "interrupt", args: {} }), { turn: null });
  await save(harness, key, "belongings-first-run", runId);
  await save(harness, key, "belongings-second-run");
}

/** The run ends while Redis is away, and the next one begins with repair. */
async function recordUnrepairedContinuation(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "unrepaired" };
  await harness.signal(key, batch("p", input(1, "m1")));
  const { runId } = await harness.handle(key).describe();
  await harness.stopValkey();
  for (let seq = 2; (await harness.handle(key).describe()).runId === runId; seq++) {
    await harness.signal(key, batch("p", input(seq, `m${seq}`)));
    await harness.until(key, ({ turns }) => turns.length === seq);
  }
  await harness.restartValkey();
  await eventually(async () => assert.equal((await harness.log.snapshot(key)).outcome, "snapshot"));
  await harness.signal(key, batch("q", input(1, "after")));
  await harness.until(key, ({ turns }) => textsOf(turns).at(-1) === "re: after");
  await save(harness, key, "unrepaired-second-run");
}

/** An attempt that hears of the interrupt too late, and a turn whose model breaks off until its retries are used up. */
async function recordEndings(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "endings" };
  await harness.signal(key, batch("p", input(1, "hang"), input(2, "break"), input(3, "and then?")));
  await harness.untilHeld(key, "hung");
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  harness.model.breakOff();
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 3);
  assert.deepEqual(
    turns.map((turn) => [turn.outcome, textOf(turn)]),
    [
      ["interrupted", "hung"],
      ["failed", "half"],
      ["completed", "re: and then?"],
    ],
  );
  await save(harness, key, "endings");
}

/** Steps that end between, one that fails and is made up for, and a turn that is interrupted in its second step. */
async function recordSteps(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "steps" };
  await harness.signal(key, batch("p", input(1, "twice"), input(2, "try again"), input(3, "stop")), "stepper");
  await harness.untilHeld(key, "re: stopheld");
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 3);
  const steps = turns.map((turn) => turn.steps.length);
  assert.deepEqual(steps, [2, 3, 2]);
  await save(harness, key, "test-agents-steps");
}

/** A session that an operator cancels in mid-turn, and the one that follows under its name and takes over what it knew. */
async function recordSuccessor(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "succeeded" };
  await harness.signal(key, batch("p", input(1, "one"), input(2, "hold"), input(3, "three")), "concierge");
  const { runId } = await harness.handle(key).describe();
  await harness.untilHeld(key, "held");
  await harness.handle(key).cancel();
  await eventually(async () => assert.equal((await harness.handle(key).describe()).status.name, "CANCELLED"));
  await harness.signal(key, batch("p", input(4, "four")), "concierge");
  await harness.until(key, ({ turns }) => textsOf(turns).at(-1) === "re: four");
  await save(harness, key, "cancelled", runId);
  await save(harness, key, "succeeded");
}

const SCENARIOS = [
  { files: ["turns"], record: recordTurns },
  { files: ["continued-first-run", "continued-second-run"], record: recordContinuedRun },
  { files: ["repaired"], record: recordRepair },
  { files: ["belongings-first-run", "belongings-second-run"], record: recordBelongings },
  { files: ["unrepaired-second-run"], record: recordUnrepairedContinuation },
  { files: ["endings"], record: recordEndings },
  { files: ["cancelled", "succeeded"], record: recordSuccessor },
];

/** With the agents of test-agents.ts. */
const TEST_AGENTS_SCENARIOS = [{ files: ["test-agents-steps"], record: recordSteps }];

async function recordMissing(scenarios: typeof SCENARIOS, options: Parameters<typeof startHarness>[0]): Promise<void> {
  const missing = scenarios.filter(({ files }) => !files.every((name) => existsSync(fileOf(name))));
  if (missing.length === 0) return;
  const harness = await startHarness(options);
  try {
    for (const { record } of missing) await record(harness);
  } finally {
    await harness.stop();
  }
}

const temporalArgs = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60"];
await recordMissing(SCENARIOS, { temporalArgs });
await recordMissing(TEST_AGENTS_SCENARIOS, {
  workflowsPath: fileURLToPath(new URL("test-agents.ts", import.meta.url)),
});
