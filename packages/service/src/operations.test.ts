import { once } from "node:events";
import type { Server } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";
import { closeServer, listen, operationsApp, type Readiness } from "./operations.ts";

let server: Server | undefined;
afterEach(async () => {
  if (server !== undefined) await closeServer(server);
  server = undefined;
});

async function serve(readiness: Readiness): Promise<string> {
  server = await listen(operationsApp(createMetrics("test"), readiness), "127.0.0.1", 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return `http://127.0.0.1:${address.port}`;
}

test("a process that is not ready lives, and says why it is not", async () => {
  const url = await serve(() => "Temporal is out of reach");
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([503, "Temporal is out of reach\n"]);
});

test("who opens a process's address is told what it is, where it has no page of its own", async () => {
  const answer = await fetch(await serve(() => undefined));
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("/readyz and /metrics")]);
  const app = operationsApp(createMetrics("test"), () => undefined);
  app.get("/", (_request, response) => void response.send("a page"));
  const paged = await listen(app, "127.0.0.1", 0);
  const address = paged.address();
  const port = typeof address === "object" ? address?.port : 0;
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe("a page");
  await closeServer(paged);
});

test("a ready process answers 200 and carries its name on every metric", async () => {
  const url = await serve(() => undefined);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/process_cpu_seconds_total\{app="test"\}/);
});

test("a server closes though a client keeps its connection, and may be closed again", async () => {
  const url = await serve(() => undefined);
  const client = connect(Number(new URL(url).port), "127.0.0.1");
  await once(client, "connect");
  const ended = once(client, "close");
  if (server === undefined) throw new Error("there is no server");
  await closeServer(server);
  await ended;
  await closeServer(server);
});

test("a port in use is refused with a sentence that names it", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as AddressInfo;
  await expect(
    listen(
      operationsApp(createMetrics("test"), () => undefined),
      "127.0.0.1",
      port,
    ),
  ).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use`);
  await new Promise((resolve) => holder.close(resolve));
});
