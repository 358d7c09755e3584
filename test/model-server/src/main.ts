import { baseConfigShape, loadConfig } from "@holdfast/service/config";
import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { z } from "zod";
import { startModelServer } from "./index.ts";

await main(async () => {
  const config = loadConfig({
    ...baseConfigShape,
    HOLDFAST_PORT: z.coerce.number().int().min(0).max(65535).default(4030),
    /** Directives for calls without their own, e.g. `tokens=50,delay=20ms`. */
    HOLDFAST_MODEL_SCRIPT: z.string().default(""),
  });
  const log = createLogger("model-server", config);
  const server = await startModelServer({
    port: config.HOLDFAST_PORT,
    host: config.HOLDFAST_HOST,
    script: config.HOLDFAST_MODEL_SCRIPT,
  });
  log.info({ url: server.url }, "model server listens");
  return { log, stop: () => server.stop() };
});
