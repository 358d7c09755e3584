import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { inferenceConfig } from "./config.ts";
import { startInference } from "./inference.ts";
import { installRuntime } from "@holdfast/worker/runtime";

await main(async () => {
  const config = inferenceConfig();
  const log = createLogger("inference", config);
  installRuntime(config, log);
  return startInference(config, log, (error) => {
    log.fatal({ err: error }, "a worker failed");
    process.exit(1);
  });
});
