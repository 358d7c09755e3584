import { ConfigError } from "@holdfast/service/config";
import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { AgentCodeError, EXIT_AGENT_CODE } from "./agent-code.ts";
import { orchestratorConfig } from "./config.ts";
import { startOrchestrator } from "./orchestrator.ts";
import { installRuntime } from "@holdfast/worker/runtime";

await main(async () => {
  const config = orchestratorConfig();
  const log = createLogger("orchestrator", config);
  installRuntime(config, log);
  return startOrchestrator(config, log, (error) => {
    if (error instanceof AgentCodeError) log.fatal(`an agent's code cannot be run: ${error.message}`);
    else if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, "the worker failed");
    process.exit(exitCodeOf(error));
  });
});

/** 2 as `main` has it for a wrong configuration: whoever starts processes again need not try those. */
function exitCodeOf(error: unknown): number {
  if (error instanceof AgentCodeError) return EXIT_AGENT_CODE;
  return error instanceof ConfigError ? 2 : 1;
}
