import { afterEach, expect, test } from "vitest";
import type { Server } from "node:http";
import { listen } from "@holdfast/service/operations";
import { consoleConfig } from "./config.ts";
import { consoleApp } from "./console.ts";

let server: Server | undefined;
afterEach(() => server?.close());

async function start(env: NodeJS.ProcessEnv): Promise<string> {
  server = await listen(consoleApp(consoleConfig(env)), "127.0.0.1", 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the console does not listen on a port");
  return `http://127.0.0.1:${address.port}`;
}

test("the page links Temporal's UI and every edge's health and metrics", async () => {
  const url = await start({
    HOLDFAST_TEMPORAL_UI_URL: "http://localhost:4280",
    HOLDFAST_EDGE_URLS: "http://localhost:4001/, http://localhost:4002",
  });
  const response = await fetch(url);
  const page = await response.text();
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  for (const href of ["http://localhost:4280", "http://localhost:4001/readyz", "http://localhost:4002/metrics"]) {
    expect(page).toContain(`href="${href}"`);
  }
});

test("the page says what is not configured, and escapes what is", async () => {
  const page = await (await fetch(await start({}))).text();
  expect(page).toContain("HOLDFAST_TEMPORAL_UI_URL");
  expect(page).toContain("HOLDFAST_EDGE_URLS");
  server?.close();
  const hostile = await (await fetch(await start({ HOLDFAST_EDGE_URLS: 'http://edge/?"><script>' }))).text();
  expect(hostile).not.toContain("<script>");
});

test("the operations endpoints answer", async () => {
  const url = await start({});
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('app="console"');
});
