import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_PORT_BASE, developmentSecret, loadSettings } from "./settings.ts";
import { portClaims } from "../stack-ports.ts";

test("by default the ports are the documented ones, and no two are the same", () => {
  const { ports } = loadSettings(DEFAULT_PORT_BASE, {});
  expect(ports).toMatchObject({ web: 4000, edges: [4001, 4002], orchestrator: 4010, inference: [4020], console: 4100 });
  expect(ports).toMatchObject({ temporal: 4233, temporalUi: 4280, valkey: 4379 });
  const all = portClaims(ports, { temporal: false, valkey: false }).map(({ port }) => port);
  expect(new Set(all).size).toBe(all.length);
});

test("a port base moves all, a variable moves one, and every claim's variable does move its port", () => {
  expect(loadSettings(15_000, {}).ports).toMatchObject({ web: 15_000, valkey: 15_379 });
  const claims = portClaims(loadSettings(4000, {}).ports, { temporal: false, valkey: false });
  const stuck = claims.filter(({ what, port, variable }) => {
    const moved = portClaims(loadSettings(4000, { [variable]: "30000" }).ports, { temporal: false, valkey: false });
    return moved.find((claim) => claim.what === what)?.port === port;
  });
  expect(stuck).toEqual([]);
});

test("an external server needs no port", () => {
  const { ports } = loadSettings(4000, {});
  const what = portClaims(ports, { temporal: true, valkey: true }).map((claim) => claim.what);
  expect(what.filter((name) => /^(Temporal|Valkey)/.test(name))).toEqual([]);
});

test("apps are told what was set, but not what only one of them can have", () => {
  const env = { HOLDFAST_MODEL_URL: "http://127.0.0.1:1/v1", HOLDFAST_PORT: "1", HOLDFAST_LOG_LEVEL: "", HOME: "/" };
  expect(loadSettings(4000, env).passedOn).toEqual({ HOLDFAST_MODEL_URL: "http://127.0.0.1:1/v1" });
});

test("a wrong setting is named", () => {
  expect(() => loadSettings(4000, { HOLDFAST_WEB_PORT: "http" })).toThrow(/HOLDFAST_WEB_PORT/);
});

test("the development secret is made once, and readable by its owner only", async () => {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-settings-"));
  const secret = developmentSecret(dir);
  expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(developmentSecret(dir)).toBe(secret);
  expect((await stat(join(dir, "jwt-secret"))).mode & 0o077).toBe(0);
  await rm(dir, { recursive: true });
});
