import { createMetrics } from "@holdfast/service/metrics";
import { operationsApp } from "@holdfast/service/operations";
import type { Express } from "express";
import helmet from "helmet";
import type { ConsoleConfig } from "./config.ts";
import { indexPage } from "./index-page.ts";

/** The console's routes: `/` and the operations endpoints. */
export function consoleApp(config: ConsoleConfig): Express {
  const app = operationsApp(createMetrics("console"), () => undefined);
  const page = indexPage(config);
  app.get(
    "/",
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          styleSrc: ["'unsafe-inline'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
      // The console is reached over plain HTTP on a laptop; whoever terminates TLS in front of it sets this.
      strictTransportSecurity: false,
    }),
    (_request, response) => {
      response.set("cache-control", "no-cache").type("html").send(page);
    },
  );
  return app;
}
