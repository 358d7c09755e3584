import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveControlApi } from "./control-api.ts";
import { startGuarded } from "../guarded-process.ts";
import { freePort } from "../ports.ts";
import { Supervisor } from "./supervisor.ts";

let dir: string;
let supervisor: Supervisor;
let server: Server;
let url: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-control-"));
  supervisor = new Supervisor({ runDir: dir, graceMs: 500 });
  const launch = async () => ({ ...(await startGuarded("sleep", ["600"])), ready: Promise.resolve() });
  await supervisor.startStage([{ name: "edge-1", logFile: join(dir, "log"), launch }]);
  const port = await freePort();
  server = await serveControlApi(supervisor, port, "the token");
  url = `http://127.0.0.1:${port}`;
});
afterEach(async () => {
  server.close();
  await supervisor.stop();
  await rm(dir, { recursive: true });
});

function ask(path: string, body?: unknown, token = "the token"): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return fetch(
    `${url}${path}`,
    body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) },
  );
}

test("children are listed, and one that is killed comes back with another process", async () => {
  const before = supervisor.children()[0];
  expect(await (await ask("/children")).json()).toEqual([
    { name: "edge-1", pid: before?.pid, state: "ready", restarts: 0 },
  ]);
  const gone = supervisor.child("edge-1").gone();
  expect((await ask("/children/edge-1/kill", { signal: "SIGKILL" })).status).toBe(200);
  await gone;
  await supervisor.child("edge-1").whenReady();
  expect(supervisor.children()).toMatchObject([{ name: "edge-1", restarts: 1 }]);
  expect(supervisor.children()[0]?.pid).not.toBe(before?.pid);
});

test("without the token nothing is told or done", async () => {
  expect((await ask("/children", undefined, "a guess")).status).toBe(401);
  expect((await ask("/children/edge-1/kill", {}, "a guess")).status).toBe(401);
  expect((await fetch(`${url}/children`)).status).toBe(401);
  expect(supervisor.children()).toMatchObject([{ restarts: 0, state: "ready" }]);
});

test("an unknown child and an unknown signal are refused", async () => {
  expect((await ask("/children/edge-9/kill", {})).status).toBe(404);
  expect((await ask("/children/edge-1/kill", { signal: "SIGUSR1" })).status).toBe(400);
});
