/**
 * Records the histories that replay.test.ts replays: `npm run record -w @holdfast/workflows`, those there are no files of.
 * What is recorded stays: the old files are what proves that deployed sessions survive a new release, and one is deleted, to
 * be recorded anew, only when a change of the workflow is meant to break what runs.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { SessionKey } from "@holdfast/contract";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, observe, startHarness } from "./harness.ts";
import { writeHistory } from "./history-file.ts";

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
  await eventually(async () => {
    const read = await harness.log.snapshot(key);
    assert.equal(read.outcome === "snapshot" && read.snapshot.running?.text, "held");
  });
  await harness.signal(key, batch("q", observe(1, "click"), input(2, "and then?")), "concierge");
  await harness.command(key, { id: "c1", name: "interrupt", args: { turn: 3 } });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 4);
  const outcomes = turns.map((turn) => turn.outcome);
  assert.deepEqual(outcomes, ["completed", "failed", "interrupted", "completed"]);
  await save(harness, key, "turns");
}

async function recordContinuation(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "continued" };
  await harness.signal(key, batch("p", input(1, "m1")));
  const { runId } = await harness.handle(key).describe();
  for (let seq = 2; (await harness.handle(key).describe()).runId === runId; seq++) {
    await harness.signal(key, batch("p", input(seq, `m${seq}`)));
    await harness.until(key, ({ turns }) => turns.length === seq);
  }
  await harness.signal(key, batch("q", input(1, "after")));
  await harness.until(key, ({ turns }) => turns.at(-1)?.text === "re: after");
  await save(harness, key, "continued-first-run", runId);
  await save(harness, key, "continued-second-run");
}

async function recordHealing(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "healed" };
  await harness.signal(key, batch("p", input(1, "one")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 1);
  await harness.stopValkey();
  await harness.signal(key, batch("p", input(2, "two"), input(3, "three")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 3);
  await harness.restartValkey();
  await eventually(async () => assert.equal((await harness.log.snapshot(key)).outcome, "snapshot"));
  await harness.signal(key, batch("p", input(4, "four")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 4);
  await save(harness, key, "healed");
}

/** Whatever is to be remembered goes along: marks, answers, inputs that wait, what was observed, the epoch. */
async function recordCarry(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "carried" };
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
  await harness.until(key, ({ turns }) => turns.at(-1)?.text === "re: after");
  assert.notDeepEqual(await harness.command(key, { id: "c1", name: "interrupt", args: {} }), { turn: null });
  await save(harness, key, "carried-first-run", runId);
  await save(harness, key, "carried-second-run");
}

/** The run ends while Redis is away, and the next one begins with repair. */
async function recordUnhealedCarry(harness: Harness): Promise<void> {
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
  await harness.until(key, ({ turns }) => turns.at(-1)?.text === "re: after");
  await save(harness, key, "unrepaired-second-run");
}

/** An attempt that hears of the interrupt too late, and a turn whose model breaks off until its retries are used up. */
async function recordEndings(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "endings" };
  await harness.signal(key, batch("p", input(1, "hang"), input(2, "break"), input(3, "and then?")));
  await eventually(async () => {
    const read = await harness.log.snapshot(key);
    assert.equal(read.outcome === "snapshot" && read.snapshot.running?.text, "hung");
  });
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  harness.model.breakOff();
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 3);
  assert.deepEqual(
    turns.map(({ outcome, text }) => [outcome, text]),
    [
      ["interrupted", "hung"],
      ["failed", "half"],
      ["completed", "re: and then?"],
    ],
  );
  await save(harness, key, "endings");
}

/** A session that an operator cancels in mid-turn, and the one that follows under its name and takes over what it knew. */
async function recordSuccessor(harness: Harness): Promise<void> {
  const key = { tenant: "acme", owner: "ann", name: "succeeded" };
  await harness.signal(key, batch("p", input(1, "one"), input(2, "hold"), input(3, "three")), "concierge");
  const { runId } = await harness.handle(key).describe();
  await eventually(async () => {
    const read = await harness.log.snapshot(key);
    assert.equal(read.outcome === "snapshot" && read.snapshot.running?.text, "held");
  });
  await harness.handle(key).cancel();
  await eventually(async () => assert.equal((await harness.handle(key).describe()).status.name, "CANCELLED"));
  await harness.signal(key, batch("p", input(4, "four")), "concierge");
  await harness.until(key, ({ turns }) => turns.at(-1)?.text === "re: four");
  await save(harness, key, "cancelled", runId);
  await save(harness, key, "succeeded");
}

const SCENARIOS = [
  { files: ["turns"], record: recordTurns },
  { files: ["continued-first-run", "continued-second-run"], record: recordContinuation },
  { files: ["healed"], record: recordHealing },
  { files: ["carried-first-run", "carried-second-run"], record: recordCarry },
  { files: ["unrepaired-second-run"], record: recordUnhealedCarry },
  { files: ["endings"], record: recordEndings },
  { files: ["cancelled", "succeeded"], record: recordSuccessor },
];

const hint = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60"];
const harness = await startHarness({ temporalArgs: hint });
try {
  for (const { files, record } of SCENARIOS) {
    if (!files.every((name) => existsSync(fileOf(name)))) await record(harness);
  }
} finally {
  await harness.stop();
}
