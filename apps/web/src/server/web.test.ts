import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeServer, listen } from "@holdfast/service/operations";
import express from "express";
import { jwtVerify } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { webConfig } from "./config.ts";
import { webApp } from "./web.ts";

const SECRET = "a secret of the tests, thirty-two bytes or more";

async function serve(app: express.Express): Promise<string> {
  const server = await listen(app, "127.0.0.1", 0);
  onTestFinished(() => closeServer(server));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  return `http://127.0.0.1:${address.port}`;
}

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-web-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function builtPage(): Promise<string> {
  const folder = await emptyFolder();
  await mkdir(join(folder, "assets"));
  await writeFile(join(folder, "index.html"), "<!doctype html>");
  await writeFile(join(folder, "assets", "index-abc.js"), "0");
  return folder;
}

async function start(env: NodeJS.ProcessEnv = {}): Promise<string> {
  return serve(webApp(webConfig(env), await builtPage()));
}

const development = { HOLDFAST_DEV_TOKENS: "true", HOLDFAST_JWT_SECRET: SECRET };

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

test("a development token names its subject and tenant (connect-2), and the secret verifies it", async () => {
  const url = await start({ ...development, HOLDFAST_JWT_ISSUER: "here", HOLDFAST_JWT_AUDIENCE: "edges" });
  const answer = await post(`${url}/dev/token`, { subject: "ada", tenant: "acme" });
  const { token } = z.object({ token: z.string() }).parse(await answer.json());
  const expected = { issuer: "here", audience: "edges" };
  const { payload } = await jwtVerify(token, new TextEncoder().encode(SECRET), expected);
  expect(payload).toMatchObject({ sub: "ada", tenant: "acme" });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
});

test.for(["", "a b", "a/b", "{a}", "x".repeat(129)])("ids-1: no token for the subject %j", async (subject) => {
  const response = await post(`${await start(development)}/dev/token`, { subject, tenant: "acme" });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("subject");
});

test("without HOLDFAST_DEV_TOKENS there is no token and no control", async () => {
  const control = { HOLDFAST_CONTROL_URL: "http://127.0.0.1:1", HOLDFAST_CONTROL_TOKEN: "t" };
  const url = await start({ HOLDFAST_JWT_SECRET: SECRET, ...control });
  expect((await post(`${url}/dev/token`, { subject: "ada", tenant: "acme" })).status).toBe(404);
  expect((await fetch(`${url}/dev/children`)).status).toBe(404);
  expect(await (await fetch(`${url}/config.json`)).json()).toMatchObject({ devTokens: false, control: false });
});

test.for(["http://evil.example", "null", "http://127.0.0.1:1"])("a POST from %s is refused", async (origin) => {
  const url = await start(development);
  const response = await post(`${url}/dev/token`, { subject: "ada", tenant: "acme" }, { origin });
  expect(response.status).toBe(403);
});

test("a POST from the page itself is served", async () => {
  const url = await start(development);
  expect((await post(`${url}/dev/token`, { subject: "ada", tenant: "acme" }, { origin: url })).status).toBe(200);
});

test("a page served under a configured origin may get a token, one under another name may not", async () => {
  const app = webApp(webConfig({ ...development, HOLDFAST_WEB_ORIGINS: "http://laptop.lan:4000" }), await builtPage());
  const front = express();
  front.use((request, _response, next) => {
    request.headers.host = request.headers["x-host"]?.toString();
    next();
  }, app);
  const url = await serve(front);
  const who = { subject: "ada", tenant: "acme" };
  const ask = (host: string) => post(`${url}/dev/token`, who, { "x-host": host, origin: `http://${host}` });
  expect((await ask("laptop.lan:4000")).status).toBe(200);
  expect((await ask("rebound.example")).status).toBe(403);
});

test("the control API is reached with its token, and its answer passed on", async () => {
  const asked: string[] = [];
  const supervisor = express();
  supervisor.use(express.json(), (request, response) => {
    asked.push(
      `${request.method} ${request.path} ${request.headers.authorization} ${JSON.stringify(request.body ?? {})}`,
    );
    if (request.path === "/children/nobody/kill") response.status(404).json({ error: "no such child" });
    else response.json([{ name: "edge-1", pid: 7, state: "running", restarts: 0 }]);
  });
  const control = { HOLDFAST_CONTROL_URL: await serve(supervisor), HOLDFAST_CONTROL_TOKEN: "t" };
  const url = await start({ ...development, ...control });
  expect(await (await fetch(`${url}/dev/children`)).json()).toMatchObject([{ name: "edge-1" }]);
  expect((await post(`${url}/dev/children/edge-1/kill`, { signal: "SIGKILL" })).status).toBe(200);
  expect((await post(`${url}/dev/children/nobody/kill`, {})).status).toBe(404);
  expect((await post(`${url}/dev/children/edge-1/kill`, { signal: "SIGUSR1" })).status).toBe(400);
  expect((await post(`${url}/dev/children/..%2Fadmin/kill`, {})).status).toBe(400);
  expect(asked).toEqual([
    "GET /children Bearer t {}",
    'POST /children/edge-1/kill Bearer t {"signal":"SIGKILL"}',
    'POST /children/nobody/kill Bearer t {"signal":"SIGKILL"}',
  ]);
});

test("a supervisor that is gone is said to be", async () => {
  const control = { HOLDFAST_CONTROL_URL: "http://127.0.0.1:1", HOLDFAST_CONTROL_TOKEN: "t" };
  const response = await fetch(`${await start({ ...development, ...control })}/dev/children`);
  expect(response.status).toBe(502);
  expect(await response.text()).toContain("does not answer");
});

test("hashed files are kept for ever, the page is asked for again", async () => {
  const url = await start();
  expect((await fetch(`${url}/assets/index-abc.js`)).headers.get("cache-control")).toContain("immutable");
  expect((await fetch(url)).headers.get("cache-control")).toBe("no-cache");
  expect((await fetch(`${url}/config.json`)).headers.get("cache-control")).toBe("no-store");
});

test("the page may open sockets to the edges and load nothing from elsewhere", async () => {
  const url = await start({ HOLDFAST_EDGE_URLS: "http://127.0.0.1:4001/, https://edge.example" });
  const policy = (await fetch(url)).headers.get("content-security-policy") ?? "";
  expect(policy).toContain("connect-src 'self' ws://127.0.0.1:4001 wss://edge.example");
  expect(policy).toContain("script-src 'self';");
});

test("readiness: a server without a built page says how to build it", async () => {
  const response = await fetch(`${await serve(webApp(webConfig({}), await emptyFolder()))}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.text()).toContain("npm run build");
});

test("development tokens without the secret are a configuration error", () => {
  expect(() => webConfig({ HOLDFAST_DEV_TOKENS: "true" })).toThrow("HOLDFAST_JWT_SECRET");
  const control = { HOLDFAST_CONTROL_URL: "http://127.0.0.1:1" };
  expect(() => webConfig({ ...development, ...control })).toThrow("HOLDFAST_CONTROL_TOKEN");
});
