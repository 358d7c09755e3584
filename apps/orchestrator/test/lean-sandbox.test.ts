import { fileURLToPath } from "node:url";
import { startTemporal, type TemporalServer } from "@holdfast/stack/servers";
import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withLeanSandbox } from "../src/lean-sandbox.ts";

// The SDK warns of the workflow task that is to fail.
Runtime.install({
  logger: new DefaultLogger("ERROR", () => {}),
  telemetryOptions: { logging: { filter: { core: "ERROR" } } },
});
const taskQueue = "lean-sandbox";

let temporal: TemporalServer;
let client: Client;
let worker: Worker;
let ran: Promise<void>;
let connection: NativeConnection;
beforeAll(async () => {
  temporal = await startTemporal();
  connection = await NativeConnection.connect({ address: temporal.address });
  const workflowsPath = fileURLToPath(new URL("./waiting-workflows.ts", import.meta.url));
  worker = await withLeanSandbox(() => Worker.create({ connection, taskQueue, workflowsPath }));
  ran = worker.run();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
});
afterAll(async () => {
  worker.shutdown();
  await ran;
  await connection.close();
  await client.connection.close();
  await temporal.stop();
});

const start = (workflowId: string): Promise<WorkflowHandle> =>
  client.workflow.start("waiting", { workflowId, taskQueue, workflowTaskTimeout: "10s" });

async function failureOf(handle: WorkflowHandle): Promise<string> {
  for (;;) {
    const { events } = await handle.fetchHistory();
    const failed = events?.find((event) => event.workflowTaskFailedEventAttributes);
    const message = failed?.workflowTaskFailedEventAttributes?.failure?.message;
    if (message !== undefined && message !== null) return message;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("a workflow that loops for ever fails its task, and the others go on", async () => {
  const [looping, other] = [await start("looping"), await start("other")];
  await looping.signal("told", true);
  expect(await failureOf(looping)).toMatch(/timed out/);
  for (let signals = 0; signals < 3; signals++) await other.signal("told", false);
  await other.result();
  await looping.terminate();
});

test("the Query for stack traces says that there are none", async () => {
  const handle = await start("traced");
  await handle.signal("told", false);
  expect(await handle.query("told")).toBe(1);
  await expect(handle.query("__stack_trace")).rejects.toThrow("not enabled");
  await handle.terminate();
});
