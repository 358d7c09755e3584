import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_PORT_BASE, developmentSecret, loadSettings, misspelt } from "./settings.ts";
import { requireUsablePorts } from "../ports.ts";
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

test.for([
  [{ HOLDFAST_EDGES: "zero" }, 'HOLDFAST_EDGES: it must be a whole number, not "zero"'],
  [{ HOLDFAST_TEMPORAL_ADDRESS: "http://127.0.0.1:7233" }, "HOLDFAST_TEMPORAL_ADDRESS: host:port, without http://"],
  [{ HOLDFAST_TEMPORAL_ADDRESS: "127.0.0.1:7233/ui" }, "HOLDFAST_TEMPORAL_ADDRESS: host:port"],
  [{ HOLDFAST_REDIS_URL: "127.0.0.1:6379" }, "HOLDFAST_REDIS_URL: redis://"],
  [{ HOLDFAST_MODEL_URL: "127.0.0.1:11434/v1" }, "HOLDFAST_MODEL_URL"],
  [{ HOLDFAST_MODEL_CONTINUE: "yes" }, "HOLDFAST_MODEL_CONTINUE"],
  [{ HOLDFAST_TEMPORAL_TLS: "true" }, "set HOLDFAST_TEMPORAL_ADDRESS too"],
  [{ HOLDFAST_LOG_LEVEL: "loud" }, "HOLDFAST_LOG_LEVEL"],
  [{ HOLDFAST_ALLOWED_ORIGINS: "localhost" }, "HOLDFAST_ALLOWED_ORIGINS"],
] as const)("a setting of any process that is wrong is told before anything is started: %s", ([env, sentence]) => {
  expect(() => loadSettings(4000, env)).toThrow(sentence);
});

test("a name like a setting's is told, with the one that was meant; every setting there is passes", () => {
  expect(misspelt({ HOLDFAST_MODLE_URL: "x" })).toEqual([
    "HOLDFAST_MODLE_URL is not a setting; did you mean HOLDFAST_MODEL_URL?",
  ]);
  expect(misspelt({ HOLDFAST_FAVOURITE_COLOUR: "blue" })).toEqual([expect.stringContaining("--help lists them")]);
  const fine = { PATH: "/", HOLDFAST_EDGES: "1", HOLDFAST_DATA_DIR: "x", HOLDFAST_LANES: "a", HOLDFAST_JWKS_URL: "x" };
  expect(misspelt(fine)).toEqual([]);
});

test.for([
  [6_000, "Port 6000 (web app) is one that browsers refuse to open: set HOLDFAST_WEB_PORT"],
  [5_960, "Port 6060", false],
  [65_500, "is above 65535"],
] as const)("a port base of %s", ([base, sentence, isRefused = true]) => {
  const check = (): void =>
    requireUsablePorts(portClaims(loadSettings(base, {}).ports, { temporal: false, valkey: false }));
  if (isRefused) expect(check).toThrow(sentence);
  else expect(check).not.toThrow();
});

test("two things at one port are told", () => {
  const { ports } = loadSettings(4000, { HOLDFAST_CONSOLE_PORT: "4001" });
  expect(() => requireUsablePorts(portClaims(ports, { temporal: false, valkey: false }))).toThrow(
    /Port 4001 \(console\) is also the edge-1's/,
  );
});

test("the development secret is made once, and readable by its owner only", async () => {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-settings-"));
  const secret = developmentSecret(dir);
  expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(developmentSecret(dir)).toBe(secret);
  expect((await stat(join(dir, "jwt-secret"))).mode & 0o077).toBe(0);
  await rm(dir, { recursive: true });
});
