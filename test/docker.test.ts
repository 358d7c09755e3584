import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { consoleConfig } from "../apps/console/src/config.ts";
import { edgeConfig } from "../apps/edge/src/operate/config.ts";
import { inferenceConfig } from "../apps/inference/src/config.ts";
import { orchestratorConfig } from "../apps/orchestrator/src/config.ts";
import { webConfig } from "../apps/web/src/server/config.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** How each app reads its environment, and the file in which every variable it knows stands. */
const APPS = {
  edge: { config: edgeConfig, source: "apps/edge/src/operate/config.ts" },
  orchestrator: { config: orchestratorConfig, source: "apps/orchestrator/src/config.ts" },
  inference: { config: inferenceConfig, source: "apps/inference/src/config.ts" },
  console: { config: consoleConfig, source: "apps/console/src/config.ts" },
  web: { config: webConfig, source: "apps/web/src/server/config.ts" },
} as const;
type App = keyof typeof APPS;
const isApp = (name: string): name is App => name in APPS;

const serviceSchema = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).optional(),
});
const compose = z
  .object({ services: z.record(z.string(), serviceSchema) })
  .parse(parse(read("docker/compose.yaml"), { merge: true }));
const built = Object.entries(compose.services).flatMap(([name, service]) => {
  const target = service.build?.target;
  return target === undefined ? [] : [{ name, target, environment: service.environment }];
});

/** Either of what must be set. */
const SECRET = { HOLDFAST_JWT_SECRET: "0123456789abcdef0123456789abcdef" };
const JWKS = { HOLDFAST_JWKS_URL: "https://issuer.example/keys" };

/** What compose makes of an environment when the user sets only `given`. */
function interpolated(environment: Record<string, string>, given: Record<string, string>): Record<string, string> {
  const values = Object.entries(environment).map(([variable, value]) => [
    variable,
    value.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => given[name] ?? fallback),
  ]);
  return Object.fromEntries(values);
}

/** Variables the base shapes of `@holdfast/service/config` and the app's own list. */
function knownVariables(app: App): Set<string> {
  const source = read(APPS[app].source);
  const shapes = [...source.matchAll(/\.\.\.(\w+ConfigShape)/g)].map(([, name = ""]) => shapeSource(name));
  return new Set([...(source + shapes.join("")).matchAll(/^\s+(HOLDFAST_\w+):/gm)].map(([, name = ""]) => name));
}

function shapeSource(name: string): string {
  const source = read("packages/service/src/config.ts");
  const start = source.indexOf(`export const ${name}`);
  return start === -1 ? "" : source.slice(start, source.indexOf("} as const", start));
}

interface Stage {
  name: string;
  base: string;
  copies: { from: string | undefined; sources: string[]; to: string }[];
  runs: string[];
  user: string | undefined;
}

const stages: Stage[] = [];
for (const line of read("docker/Dockerfile").replaceAll("\\\n", " ").split("\n")) {
  const from = /^FROM (\S+) AS (\S+)$/.exec(line);
  if (from) stages.push({ base: from[1] ?? "", name: from[2] ?? "", copies: [], runs: [], user: undefined });
  const copy = /^COPY (?:--from=(\S+) )?(.+) (\S+)$/.exec(line);
  const stage = stages.at(-1);
  if (copy) stage?.copies.push({ from: copy[1], sources: copy[2]?.split(" ") ?? [], to: copy[3] ?? "" });
  const run = /^RUN (.+)$/.exec(line);
  if (run) stage?.runs.push(run[1] ?? "");
  const user = /^USER (\S+)$/.exec(line);
  if (user && stage) stage.user = user[1];
}
const stageOf = (name: string): Stage | undefined => stages.find((stage) => stage.name === name);

function onPath(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

test("compose runs every app, from a target of its own", () => {
  expect(new Set(built.map(({ target }) => target))).toEqual(new Set(Object.keys(APPS)));
  expect(stages.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(APPS)));
});

test.for(built)(
  "compose gives $name only variables its app knows, with values its app takes",
  ({ target, environment }) => {
    if (!isApp(target)) throw new Error(`${target} is not an app`);
    const known = knownVariables(target);
    const ours = Object.keys(environment).filter((name) => name.startsWith("HOLDFAST_"));
    expect(ours.filter((name) => !known.has(name))).toEqual([]);
    for (const given of [SECRET, JWKS]) {
      const values = interpolated(environment, given);
      expect(Object.values(values).filter((value) => value.includes("$"))).toEqual([]);
      expect(() => APPS[target].config(values)).not.toThrow();
    }
  },
);

test("an edge of compose says what is wrong when neither or both of secret and JWKS are set", () => {
  const edge = built.find(({ target }) => target === "edge");
  for (const given of [{}, { ...SECRET, ...JWKS }]) {
    expect(() => edgeConfig(interpolated(edge?.environment ?? {}, given))).toThrow(
      "Set HOLDFAST_JWT_SECRET (development) or HOLDFAST_JWKS_URL (production), and not both",
    );
  }
});

test("Prometheus scrapes every app of compose, at the port of its image", () => {
  const targets = [...read("docker/prometheus/prometheus.yml").matchAll(/"([\w-]+):(\d+)"|\[([\w-]+)\].*port: (\d+)/g)];
  const scraped = targets.map(([, host, port, name, itsPort]) => `${host ?? name}:${port ?? itsPort}`);
  const ports = new Map(
    [...read("docker/Dockerfile").matchAll(/AS ([\w-]+)\nENV HOLDFAST_PORT=(\d+)/g)].map(([, app, port]) => [
      app,
      port,
    ]),
  );
  expect(built.map(({ name, target }) => `${name}:${ports.get(target)}`).filter((at) => !scraped.includes(at))).toEqual(
    [],
  );
});

test("the check of variables would find one that nobody reads", () => {
  const known = knownVariables("edge");
  expect(known.has("HOLDFAST_REDIS_URL")).toBe(true);
  expect(known.has("HOLDFAST_JWT_SECRET")).toBe(true);
  expect(known.has("HOLDFAST_REDIS_ADDRESS")).toBe(false);
});

test("compose depends only on services there are", () => {
  const names = Object.keys(compose.services);
  const wanted = Object.values(compose.services).flatMap(({ depends_on: needed = [] }) =>
    Array.isArray(needed) ? needed : Object.keys(needed),
  );
  expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
});

test("what is mounted or copied into an image exists", () => {
  const mounts = Object.values(compose.services)
    .flatMap(({ volumes }) => volumes.map((volume) => volume.split(":")[0] ?? ""))
    .filter((source) => source.startsWith("."));
  const copies = stages.flatMap(({ copies: all }) => all.filter(({ from }) => from === undefined));
  const paths = [
    ...mounts.map((source) => resolve(ROOT, "docker", source)),
    ...copies.flatMap(({ sources }) => sources.map((source) => resolve(ROOT, source))),
  ];
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

test("a stage takes files only from stages before it", () => {
  for (const [index, stage] of stages.entries()) {
    const before = new Set(stages.slice(0, index).map(({ name }) => name));
    const wanted = stage.copies.flatMap(({ from }) => (from === undefined ? [] : [from]));
    if (!stage.base.startsWith("$")) wanted.push(stage.base);
    expect(wanted.filter((name) => !before.has(name))).toEqual([]);
  }
});

test("npm sees every workspace: each one's manifest is copied", async () => {
  const { workspaces } = z.object({ workspaces: z.array(z.string()) }).parse(JSON.parse(read("package.json")));
  const manifests: string[] = [];
  for await (const path of glob(
    workspaces.map((workspace) => `${workspace}/package.json`),
    { cwd: ROOT },
  )) {
    manifests.push(path);
  }
  const copied = stageOf("manifests")?.copies.flatMap(({ sources, to }) => (to === "./" ? [] : sources));
  expect(new Set(copied)).toEqual(new Set(manifests));
});

test.for(Object.keys(APPS))(
  "the %s image holds every workspace package the app needs, and is not run by root",
  (app) => {
    const stage = stageOf(app);
    const folders = new Set(stage?.copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources));
    const missing = [...workspacesOf(`apps/${app}`)].filter(
      (folder) => !folders.has(folder) && !folders.has(dirname(folder)),
    );
    expect(missing).toEqual([]);
    expect(stage?.base).toBe("runtime");
    expect(stageOf("runtime")?.user).toBe("node");
  },
);

test("the orchestrator's image brings the bundle of the very workflows it holds", () => {
  const image = stageOf("orchestrator");
  const brought = image?.copies.find(({ to }) => to === ".holdfast/bundles");
  const maker = stageOf(brought?.from ?? "");
  expect(brought?.sources).toEqual(["/app/.holdfast/bundles"]);
  expect(maker?.runs).toEqual(["node apps/orchestrator/src/prepare.ts"]);
  expect(existsSync(join(ROOT, "apps/orchestrator/src/prepare.ts"))).toBe(true);
  // With what the image installs, and the sources the image holds.
  expect(image?.copies.find(({ to }) => to === "./")?.from).toBe(maker?.base);
  const folders = (stage: Stage | undefined) =>
    stage?.copies.filter(({ from }) => from === undefined).map(({ to }) => to);
  expect(folders(image)).toEqual(expect.arrayContaining(folders(maker) ?? []));
});

/** Folders of a workspace and of all it depends on within the repository. */
function workspacesOf(folder: string, found = new Set<string>()): Set<string> {
  if (found.has(folder)) return found;
  found.add(folder);
  const schema = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });
  const { dependencies } = schema.parse(JSON.parse(read(`${folder}/package.json`)));
  for (const name of Object.keys(dependencies).filter((dependency) => dependency.startsWith("@holdfast/"))) {
    const short = name.slice("@holdfast/".length);
    const inner = [`packages/${short}`, `apps/${short}`, short].find((path) => existsSync(join(ROOT, path)));
    if (inner !== undefined) workspacesOf(inner, found);
  }
  return found;
}

test("Temporal's settings turn fairness on", () => {
  const settings: unknown = parse(read("docker/temporal/dynamic-config.yaml"));
  expect(settings).toMatchObject({ "matching.enableFairness": [{ value: true }] });
});

test("alerts are about metrics that some process has", async () => {
  let sources = "";
  for await (const path of glob("{apps,packages,activities}/**/src/**/*.ts", {
    cwd: ROOT,
    exclude: ["**/node_modules/**"],
  })) {
    sources += read(path);
  }
  const names = [...read("docker/prometheus/alerts.yml").matchAll(/holdfast_\w+/g)].map(([name]) =>
    name.replace(/_(bucket|sum|count)$/, ""),
  );
  const unknown = names.filter((name) => !sources.includes(`"${name}"`) && !isEdgeLevel(name, sources));
  expect(names.length).toBeGreaterThan(4);
  expect(unknown).toEqual([]);
});

/** The edge names its gauges in a table, without their common prefix. */
function isEdgeLevel(name: string, sources: string): boolean {
  return name.startsWith("holdfast_edge_") && sources.includes(`["${name.slice("holdfast_edge_".length)}", `);
}

const haproxy = onPath("haproxy");
test.skipIf(haproxy === undefined)("HAProxy takes its configuration", () => {
  expect(() =>
    execFileSync(haproxy ?? "", ["-c", "-f", join(ROOT, "docker/haproxy.cfg")], { stdio: "pipe" }),
  ).not.toThrow();
});

const promtool = onPath("promtool");
test.skipIf(promtool === undefined)("Prometheus takes its configuration and the alerts", () => {
  const config = join(ROOT, "docker/prometheus/prometheus.yml");
  expect(() => execFileSync(promtool ?? "", ["check", "config", config], { stdio: "pipe" })).not.toThrow();
});
