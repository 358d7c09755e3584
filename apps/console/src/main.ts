import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { closeServer, listen } from "@holdfast/service/operations";
import { consoleConfig } from "./config.ts";
import { consoleApp } from "./console.ts";

await main(async () => {
  const config = consoleConfig();
  const log = createLogger("console", config);
  const server = await listen(consoleApp(config), config.HOLDFAST_HOST, config.HOLDFAST_PORT);
  log.info({ address: server.address() }, "console listens");
  return {
    log,
    stop: () => closeServer(server),
  };
});
