import { begun, planOf } from "@holdfast/test/kit/child-process";
import { fileURLToPath } from "node:url";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { z } from "zod";
import { BARE_ACTIVITY_QUEUE, BARE_QUEUE, type BareOutput } from "./protocol.ts";

/** A worker of the bare target, a process of its own. `both` serves workflow and activity, the others one each. */
const { role, address, namespace } = planOf(
  z.object({ role: z.enum(["both", "workflow", "activity"]), address: z.string(), namespace: z.string() }),
);

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger("ERROR") });
const connection = await NativeConnection.connect({ address });
const activities = createEmit((output) => process.send?.(output));
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue: role === "activity" ? BARE_ACTIVITY_QUEUE : BARE_QUEUE,
  ...(role === "activity" ? {} : { workflowsPath: fileURLToPath(new URL("./workflows.ts", import.meta.url)) }),
  ...(role === "workflow" ? {} : { activities }),
});
const done = worker.run();
begun();
await done;

interface EmitRequest {
  session: string;
  seq: number;
  tokens: number;
  tokenDelayMs: number;
}

/** The activity: tells the bench of its first output, takes as long as an answer would, tells it of the last. */
export type Emit = { emit(request: EmitRequest): Promise<void> };

export function createEmit(tell: (output: BareOutput) => void): Emit {
  return {
    async emit({ session, seq, tokens, tokenDelayMs }) {
      tell({ session, seq, output: "first" });
      const rest = (tokens - 1) * tokenDelayMs;
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
      tell({ session, seq, output: "last" });
    },
  };
}
