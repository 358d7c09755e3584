import { createServer, type Server } from "node:http";
import express, { type Express } from "express";
import type { Registry } from "prom-client";
import { CONNECTION_LIMITS, limitConnections } from "./connection-limits.ts";

/** Why a process is not ready, or undefined when it is. */
export type Readiness = () => string | undefined | Promise<string | undefined>;

/** `/healthz` (the process lives), `/readyz` (it can do its job; 503 with the reason otherwise), `/metrics`. */
export function operationsApp(registry: Registry, readiness: Readiness): Express {
  const app = express();
  app.disable("x-powered-by");
  app.get("/healthz", (_request, response) => {
    response.type("text/plain").send("ok\n");
  });
  app.get("/readyz", async (_request, response) => {
    const reason = await readiness();
    response
      .status(reason === undefined ? 200 : 503)
      .type("text/plain")
      .send(`${reason ?? "ready"}\n`);
  });
  app.get("/metrics", async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  return app;
}

/**
 * Connections the kernel keeps until this process takes them, as far as `net.core.somaxconn` lets it. With Node's 511 the
 * clients of an edge that died would overflow the next one's queue, and wait seconds for TCP to try again.
 */
const BACKLOG = 4_096;

/** For a person who opens the address of a process that has no page of its own: an edge's, say, out of the terminal. */
const WHAT_THIS_IS = `This is a process of Holdfast, and has no page: an edge talks to clients by Socket.IO, a worker to Temporal.
Here are /healthz, /readyz and /metrics. The web app has an address of its own.
`;

/** A client that sends the headers of a request byte by byte, or none at all, is let go of after this. */
const HEADERS_TIMEOUT_MS = 10_000;
/** One that does the same with a body. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Resolves when the server listens; rejects with a sentence when it cannot. */
export async function listen(
  app: Express,
  host: string,
  port: number,
  limits = CONNECTION_LIMITS,
  headersTimeout = HEADERS_TIMEOUT_MS,
): Promise<Server> {
  // The last route, so that it stands behind a page.
  app.get("/", (_request, response) => {
    response.type("text/plain").send(WHAT_THIS_IS);
  });
  const connectionsCheckingInterval = headersTimeout / 4;
  const server = createServer({ headersTimeout, requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval }, app);
  limitConnections(server, limits);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      reject(taken ? new Error(`Port ${port} on ${host} is in use: stop what uses it or choose another.`) : error);
    });
    server.listen(port, host, BACKLOG, () => resolve());
  });
  return server;
}

/** Resolves when the server is closed, with its connections: a client that keeps one open would keep the process. */
export async function closeServer(server: Server): Promise<void> {
  // Its only error is that the server is closed already.
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
