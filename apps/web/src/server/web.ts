import { existsSync } from "node:fs";
import { join } from "node:path";
import { createMetrics } from "@holdfast/service/metrics";
import { operationsApp } from "@holdfast/service/operations";
import type { Express } from "express";
import type { WebConfig } from "./config.ts";
import { developmentRoutes } from "./development-routes.ts";
import { pageFiles } from "./page-files.ts";
import { securityHeaders } from "./security-headers.ts";

/** The web server's routes. `folder`: where `vite build` put the page. */
export function webApp(config: WebConfig, folder: string): Express {
  const app = operationsApp(createMetrics("web"), () =>
    existsSync(join(folder, "index.html")) ? undefined : "The page is not built: run `npm run build -w apps/web`.",
  );
  app.use(securityHeaders(config.edges));
  app.get("/config.json", (_request, response) => {
    response.set("cache-control", "no-store").json({
      edges: config.edges,
      devTokens: config.devTokens !== undefined,
      control: config.control !== undefined,
    });
  });
  app.use("/dev", developmentRoutes(config));
  app.use(pageFiles(folder));
  return app;
}
