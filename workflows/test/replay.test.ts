import { readdir } from "node:fs/promises";
import { bundleWorkflows } from "@holdfast/orchestrator/src/bundle.ts";
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from "@temporalio/worker";
import { beforeAll, expect, test } from "vitest";
import { readHistory } from "./history-file.ts";

const FOLDER = new URL("histories/", import.meta.url);
const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".history.json"));

Runtime.install({ logger: new DefaultLogger("ERROR"), telemetryOptions: { logging: { filter: { core: "ERROR" } } } });
let workflowBundle: WorkflowBundle;
beforeAll(async () => {
  workflowBundle = await bundleWorkflows();
});

test("there are histories to replay", () => {
  expect(files.length).toBeGreaterThanOrEqual(4);
});

test.for(files)("sessions that ran on an earlier release go on with this one: %s", async (name) => {
  await Worker.runReplayHistory({ workflowBundle }, await readHistory(new URL(name, FOLDER)));
});

test("a replay fails where the code would have done something else", async () => {
  const history = await readHistory(new URL("turns.history.json", FOLDER));
  for (const { activityTaskScheduledEventAttributes: scheduled } of history.events ?? []) {
    if (scheduled?.activityType) scheduled.activityType.name = "somethingElse";
  }
  await expect(Worker.runReplayHistory({ workflowBundle }, history)).rejects.toThrow(/[Nn]ondeterminism/);
});
