import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { orchestratorConfig } from "./config.ts";
import { startOrchestrator } from "./orchestrator.ts";
import { installRuntime } from "@holdfast/worker/runtime";

await main(async () => {
  const config = orchestratorConfig();
  const log = createLogger("orchestrator", config);
  installRuntime(config, log);
  return startOrchestrator(config, log, (error) => {
    log.fatal({ err: error }, "the worker failed");
    process.exit(1);
  });
});
