import { fileURLToPath } from "node:url";
import { createLogger } from "@holdfast/service/log";
import { main } from "@holdfast/service/main";
import { closeServer, listen } from "@holdfast/service/operations";
import { webConfig } from "./server/config.ts";
import { webApp } from "./server/web.ts";

const PAGE = fileURLToPath(new URL("../dist", import.meta.url));

await main(async () => {
  const config = webConfig();
  const log = createLogger("web", config.log);
  const server = await listen(webApp(config, PAGE), config.host, config.port);
  log.info({ address: server.address(), edges: config.edges }, "web listens");
  if (config.devTokens !== undefined)
    log.warn("development tokens are on: whoever reaches this server may become anyone");
  return {
    log,
    stop: () => closeServer(server),
  };
});
