/**
 * Records the histories that replay.test.ts replays: `npm run record -w @holdfast/workflows`. Record anew only when a
 * change of the workflow is meant to break what runs (there must be none such in production), or to add a scenario: the
 * old files are what proves that deployed sessions survive a new release.
 */
import assert from "node:assert/strict";
import type { SessionKey } from "@holdfast/contract";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, observe, startHarness } from "./harness.ts";
import { writeHistory } from "./history-file.ts";

async function save(harness: Harness, key: SessionKey, name: string, runId?: string): Promise<void> {
  const handle = harness.client.workflow.getHandle(harness.handle(key).workflowId, runId);
  const { historyLength } = await handle.describe();
  await writeHistory(new URL(`histories/${name}.history.json`, import.meta.url), await handle.fetchHistory());
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

const hint = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60"];
const harness = await startHarness({ temporalArgs: hint });
try {
  await recordTurns(harness);
  await recordContinuation(harness);
  await recordHealing(harness);
} finally {
  await harness.stop();
}
