import { fileURLToPath } from "node:url";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { z } from "zod";
import { createEmit } from "./emit.ts";
import { BARE_ACTIVITY_QUEUE, BARE_QUEUE } from "./protocol.ts";

/** A worker of the bare target, a process of its own. `both` serves workflow and activity, the others one each. */
const config = z
  .object({
    BARE_ROLE: z.enum(["both", "workflow", "activity"]),
    BARE_TEMPORAL_ADDRESS: z.string(),
    BARE_TEMPORAL_NAMESPACE: z.string(),
  })
  .parse(process.env);

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger("ERROR") });
const connection = await NativeConnection.connect({ address: config.BARE_TEMPORAL_ADDRESS });
const activities = createEmit((output) => process.send?.(output));
const role = config.BARE_ROLE;
const worker = await Worker.create({
  connection,
  namespace: config.BARE_TEMPORAL_NAMESPACE,
  taskQueue: role === "activity" ? BARE_ACTIVITY_QUEUE : BARE_QUEUE,
  ...(role === "activity" ? {} : { workflowsPath: fileURLToPath(new URL("./workflows.ts", import.meta.url)) }),
  ...(role === "workflow" ? {} : { activities }),
});
process.on("disconnect", () => process.exit(0));
const done = worker.run();
process.send?.("listening");
await done;
