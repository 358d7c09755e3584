import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { begun, planOf } from "@holdfast/test/kit/child-process";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { z } from "zod";
import { BARE_ACTIVITY_QUEUE, BARE_QUEUE, type BareStart } from "./workflows.ts";

/** A worker of the bare target, a process of its own. `both` serves workflow and activity, the others one each. */
const { role, address } = planOf(z.object({ role: z.enum(["both", "workflow", "activity"]), address: z.string() }));

/** Told by the activity to the process that forked its worker. */
export interface BareOutput {
  session: string;
  seq: number;
  output: "first" | "last";
}

function tell(output: BareOutput): void {
  process.send?.(output);
}

const activities = {
  /** Tells the bench of its first output, takes as long as an answer would, tells it of the last. */
  async emit({ session, seq, tokens, tokenDelay }: Omit<BareStart, "activityQueue"> & { seq: number }): Promise<void> {
    tell({ session, seq, output: "first" });
    const rest = (tokens - 1) * tokenDelay;
    if (rest > 0) await sleep(rest);
    tell({ session, seq, output: "last" });
  },
};
export type Activities = typeof activities;

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger("ERROR") });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue: role === "activity" ? BARE_ACTIVITY_QUEUE : BARE_QUEUE,
  ...(role === "activity" ? {} : { workflowsPath: fileURLToPath(new URL("./workflows.ts", import.meta.url)) }),
  ...(role === "workflow" ? {} : { activities }),
});
const done = worker.run();
begun();
await done;
