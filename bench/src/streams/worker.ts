import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { begun, planOf } from "@holdfast/test/kit/child-process";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { WorkflowStreamClient } from "@temporalio/workflow-streams/client";
import { z } from "zod";
import { type StreamedOutput, STREAMS_ACTIVITY_QUEUE, STREAMS_QUEUE, TOPIC } from "./workflows.ts";

/** A worker of the streams target, a process of its own. */
const { role, address } = planOf(z.object({ role: z.enum(["workflow", "activity"]), address: z.string() }));

/** Milliseconds between two signals of an answer's tokens, the first of which goes at once. The library's default is two seconds. */
const BATCH_MS = 100;

const activities = {
  async streamTokens({ seq, tokens, tokenDelay }: { seq: number; tokens: number; tokenDelay: number }): Promise<void> {
    await using client = WorkflowStreamClient.fromWithinActivity({ batchInterval: BATCH_MS });
    const output = client.topic<StreamedOutput>(TOPIC);
    for (let token = 1; token <= tokens; token++) {
      if (token > 1 && tokenDelay > 0) await sleep(tokenDelay);
      output.publish({ seq, output: "token" }, { forceFlush: token === 1 });
    }
  },
};
export type Activities = typeof activities;

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger("ERROR") });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  ...(role === "activity"
    ? { taskQueue: STREAMS_ACTIVITY_QUEUE, activities }
    : { taskQueue: STREAMS_QUEUE, workflowsPath: fileURLToPath(new URL("./workflows.ts", import.meta.url)) }),
});
const done = worker.run();
begun();
await done;
