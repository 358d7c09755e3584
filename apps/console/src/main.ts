import { promisify } from "node:util";
import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { listen } from "@holdfast/service/operations";
import { consoleConfig } from "./config.ts";
import { consoleApp } from "./console.ts";

await main(async () => {
  const config = consoleConfig();
  const log = createLogger("console", config);
  const server = await listen(consoleApp(config), config.HOLDFAST_HOST, config.HOLDFAST_PORT);
  log.info({ address: server.address() }, "console listens");
  return {
    log,
    stop: async () => {
      const closed = promisify(server.close.bind(server))();
      server.closeAllConnections();
      await closed;
    },
  };
});
