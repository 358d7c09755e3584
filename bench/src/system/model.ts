import { startModelServer } from "@holdfast/model-server";
import { z } from "zod";

/** The model server as a process of its own, so that its work is not taken for the load generator's. */
const config = z
  .object({ BENCH_MODEL_PORT: z.coerce.number().int(), BENCH_MODEL_SCRIPT: z.string() })
  .parse(process.env);

await startModelServer({ port: config.BENCH_MODEL_PORT, script: config.BENCH_MODEL_SCRIPT });
process.on("disconnect", () => process.exit(0));
process.send?.("listening");
