import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundleWorkflows } from "@holdfast/orchestrator/src/bundle.ts";
import { workflowBundle } from "@holdfast/orchestrator/src/workflow-bundle.ts";
import { createLogger } from "@holdfast/service/log";
import { DefaultLogger, Runtime, Worker } from "@temporalio/worker";
import { beforeAll, expect, test } from "vitest";
import { readHistory } from "./history-file.ts";

const FOLDER = new URL("histories/", import.meta.url);
const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".history.json"));

Runtime.install({ logger: new DefaultLogger("ERROR"), telemetryOptions: { logging: { filter: { core: "ERROR" } } } });
let bundle: { code: string };
/** For the histories that were recorded with the agents of test-agents.ts. */
let testAgentsBundle: { code: string };
beforeAll(async () => {
  bundle = {
    code: await workflowBundle(createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" })),
  };
  testAgentsBundle = await bundleWorkflows(fileURLToPath(new URL("test-agents.ts", import.meta.url)));
});

test("the histories hold everything a session does, and all it takes along", async () => {
  const found = new Set((await Promise.all(files.map((name) => happenings(new URL(name, FOLDER))))).flat());
  const expected = [
    ["WORKFLOW_EXECUTION_CONTINUED_AS_NEW", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "WORKFLOW_EXECUTION_SIGNALED"],
    ["ACTIVITY_TASK_COMPLETED", "ACTIVITY_TASK_FAILED", "ACTIVITY_TASK_CANCEL_REQUESTED"],
    ["respond", "repair", "publish", "requestStop", "heldStep", "recall", "WORKFLOW_EXECUTION_CANCEL_REQUESTED"],
    ["takes along inputs", "takes along answers", "takes along dead letters", "takes along a log to be repaired"],
    ["has steps that end between"],
  ];
  expect(expected.flat().filter((happening) => !found.has(happening))).toEqual([]);
});

interface StoredEvent {
  eventType: string;
  activityTaskScheduledEventAttributes?: { activityType: { name: string }; input: Payloads };
  markerRecordedEventAttributes?: { details: { data: Payloads } };
  workflowExecutionStartedEventAttributes?: { input: Payloads };
}
interface Payloads {
  payloads: { data: string }[];
}

/** Types of a history's events and activities, and what a continued run brought along. */
async function happenings(file: URL): Promise<string[]> {
  const { events }: { events: StoredEvent[] } = JSON.parse(await readFile(file, "utf8"));
  return events.flatMap((event) => {
    const marker = valuesOf(event.markerRecordedEventAttributes?.details.data)[0];
    const [, before] = valuesOf(event.workflowExecutionStartedEventAttributes?.input);
    const [request] = valuesOf(event.activityTaskScheduledEventAttributes?.input);
    return [
      event.eventType.replace("EVENT_TYPE_", ""),
      event.activityTaskScheduledEventAttributes?.activityType.name ?? "",
      String(marker?.["activity_type"]),
      ...(before === undefined ? [] : takenAlong(before)),
      ...(Number(request?.["step"]) > 1 ? ["has steps that end between"] : []),
    ];
  });
}

function valuesOf(payloads: Payloads | undefined): { [name: string]: unknown }[] {
  return payloads?.payloads.map(({ data }) => JSON.parse(Buffer.from(data, "base64").toString())) ?? [];
}

function takenAlong({ inbox, commands, deadLetters, unrepaired }: { [name: string]: unknown }): string[] {
  const holds = (list: unknown): boolean => Array.isArray(list) && list.length > 0;
  return [
    ...(holds(inbox) ? ["takes along inputs"] : []),
    ...(holds(commands) ? ["takes along answers"] : []),
    ...(JSON.stringify(deadLetters).includes("reason") ? ["takes along dead letters"] : []),
    ...(unrepaired === true ? ["takes along a log to be repaired"] : []),
  ];
}

test.for(files)("sessions that ran on an earlier release go on with this one: %s", async (name) => {
  const code = name.startsWith("test-agents-") ? testAgentsBundle : bundle;
  await Worker.runReplayHistory({ workflowBundle: code }, await readHistory(new URL(name, FOLDER)));
});

test("a replay fails where the code would have done something else", async () => {
  const history = await readHistory(new URL("turns.history.json", FOLDER));
  for (const { activityTaskScheduledEventAttributes: scheduled } of history.events ?? []) {
    if (scheduled?.activityType) scheduled.activityType.name = "somethingElse";
  }
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).rejects.toThrow(/[Nn]ondeterminism/);
});
