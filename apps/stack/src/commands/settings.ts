import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { consoleConfig, shape as consoleShape } from "@holdfast/console/src/config.ts";
import { edgeConfig, shape as edgeShape } from "@holdfast/edge/src/operate/config.ts";
import { inferenceConfig, shape as inferenceShape } from "@holdfast/inference/src/config.ts";
import { orchestratorConfig, shape as orchestratorShape } from "@holdfast/orchestrator/src/config.ts";
import {
  baseConfigShape,
  ConfigError,
  loadConfig,
  redisConfigShape,
  temporalConfigShape,
} from "@holdfast/service/config";
import type { TemporalClientOptions } from "@holdfast/service/temporal";
import { shape as webShape, webConfig } from "@holdfast/web/src/server/config.ts";
import { z } from "zod";
import type { StackPorts } from "../stack-ports.ts";
import type { ModelOptions } from "./model-check.ts";

const port = z.coerce.number().int().min(1).max(65_535);

const agentList = z.string().transform((text) =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== ""),
);

/** What `npm start` reads from the environment. Everything else that begins with HOLDFAST_ is passed on to the apps. */
const shape = {
  HOLDFAST_EDGES: z.coerce.number().int().min(1).max(8).default(2),
  HOLDFAST_SHUTDOWN_GRACE_SECONDS: baseConfigShape.HOLDFAST_SHUTDOWN_GRACE_SECONDS,
  HOLDFAST_JWT_SECRET: z.string().min(32).optional(),
  ...temporalConfigShape,
  HOLDFAST_TEMPORAL_ADDRESS: temporalConfigShape.HOLDFAST_TEMPORAL_ADDRESS.unwrap().optional(),
  HOLDFAST_REDIS_URL: redisConfigShape.HOLDFAST_REDIS_URL.unwrap().optional(),
  /** All of the registry's unless it is set. */
  HOLDFAST_AGENTS: agentList.optional(),
  HOLDFAST_DEFAULT_AGENT: z.string().optional(),
  HOLDFAST_WEB_PORT: port.optional(),
  /** Of edge-1; the others follow. */
  HOLDFAST_EDGE_PORT: port.optional(),
  /** The next port is Temporal's SDK metrics, also for inference. */
  HOLDFAST_ORCHESTRATOR_PORT: port.optional(),
  HOLDFAST_INFERENCE_PORT: port.optional(),
  HOLDFAST_CONTROL_PORT: port.optional(),
  HOLDFAST_CONSOLE_PORT: port.optional(),
  HOLDFAST_TEMPORAL_PORT: port.optional(),
  HOLDFAST_TEMPORAL_METRICS_PORT: port.optional(),
  HOLDFAST_TEMPORAL_UI_PORT: port.optional(),
  HOLDFAST_VALKEY_PORT: port.optional(),
} as const;

/** Read elsewhere: where data and binaries are. */
const OTHERS = ["HOLDFAST_DATA_DIR", "HOLDFAST_TEMPORAL_BIN", "HOLDFAST_VALKEY_BIN", "HOLDFAST_PYTHON"];

export interface StartOptions {
  edges: number;
  ports: StackPorts;
  graceMs: number;
  jwtSecret: string | undefined;
  temporalAddress: string | undefined;
  /** Of the apps' connection to that address. */
  temporal: Omit<TemporalClientOptions, "HOLDFAST_TEMPORAL_ADDRESS">;
  redisUrl: string | undefined;
  model: ModelOptions;
  agents: { offered: readonly string[] | undefined; defaultAgent: string | undefined };
  /** Handed to every app. */
  passedOn: Record<string, string>;
}

export const DEFAULT_PORT_BASE = 4_000;
/** Each app gets its own from us. */
const NEVER_PASSED_ON = new Set([
  "HOLDFAST_PORT",
  "HOLDFAST_NODE_ID",
  "HOLDFAST_SDK_METRICS_PORT",
  "HOLDFAST_SUPERVISED",
  "HOLDFAST_AGENTS",
  "HOLDFAST_DEFAULT_AGENT",
]);

/** `portBase` moves every port that has no variable of its own set. Throws `ConfigError`. */
export function loadSettings(portBase: number, env: NodeJS.ProcessEnv = process.env): StartOptions {
  const config = loadConfig(shape, env);
  checkApps(passedOn(env));
  if (config.HOLDFAST_TEMPORAL_ADDRESS === undefined && config.HOLDFAST_TEMPORAL_TLS) {
    throw new ConfigError(
      "HOLDFAST_TEMPORAL_TLS is for a Temporal of your own: set HOLDFAST_TEMPORAL_ADDRESS too, or unset it.",
    );
  }
  const at = (offset: number): number => portBase + offset;
  const edge = config.HOLDFAST_EDGE_PORT ?? at(1);
  const orchestrator = config.HOLDFAST_ORCHESTRATOR_PORT ?? at(10);
  const inference = config.HOLDFAST_INFERENCE_PORT ?? at(20);
  return {
    edges: config.HOLDFAST_EDGES,
    ports: {
      web: config.HOLDFAST_WEB_PORT ?? at(0),
      edges: Array.from({ length: config.HOLDFAST_EDGES }, (_, index) => edge + index),
      orchestrator,
      orchestratorSdk: orchestrator + 1,
      inference: [inference],
      inferenceSdk: [inference + 1],
      control: config.HOLDFAST_CONTROL_PORT ?? at(90),
      console: config.HOLDFAST_CONSOLE_PORT ?? at(100),
      temporal: config.HOLDFAST_TEMPORAL_PORT ?? at(233),
      temporalMetrics: config.HOLDFAST_TEMPORAL_METRICS_PORT ?? at(234),
      temporalUi: config.HOLDFAST_TEMPORAL_UI_PORT ?? at(280),
      valkey: config.HOLDFAST_VALKEY_PORT ?? at(379),
    },
    // A little longer than the apps take at most, so that only one that hangs is killed.
    graceMs: config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1_000 + 2_000,
    jwtSecret: config.HOLDFAST_JWT_SECRET,
    temporalAddress: config.HOLDFAST_TEMPORAL_ADDRESS,
    temporal: {
      HOLDFAST_TEMPORAL_NAMESPACE: config.HOLDFAST_TEMPORAL_NAMESPACE,
      HOLDFAST_TEMPORAL_TLS: config.HOLDFAST_TEMPORAL_TLS,
      HOLDFAST_TEMPORAL_API_KEY: config.HOLDFAST_TEMPORAL_API_KEY,
    },
    redisUrl: config.HOLDFAST_REDIS_URL,
    model: {
      url: env["HOLDFAST_MODEL_URL"] || undefined,
      key: env["HOLDFAST_MODEL_KEY"] || undefined,
      name: env["HOLDFAST_MODEL_NAME"] || undefined,
    },
    agents: { offered: config.HOLDFAST_AGENTS, defaultAgent: config.HOLDFAST_DEFAULT_AGENT },
    passedOn: passedOn(env),
  };
}

/** The settings each process reads, but for those it gets from here. */
export function appSettings(): Record<string, string[]> {
  const names = (of: object): string[] =>
    Object.keys(of).filter((name) => !NEVER_PASSED_ON.has(name) && !(name in shape));
  return {
    edges: names(edgeShape),
    orchestrator: names(orchestratorShape),
    inference: names(inferenceShape),
    console: names(consoleShape),
    web: names(webShape),
  };
}

/** One sentence for each variable that begins like a setting and is none. */
export function misspelt(env: NodeJS.ProcessEnv = process.env): string[] {
  const known = [
    ...new Set([...Object.keys(shape), ...OTHERS, ...Object.values(appSettings()).flat(), ...NEVER_PASSED_ON]),
  ];
  return Object.keys(env)
    .filter((name) => /^HOLDFAST_/i.test(name) && !known.includes(name))
    .map((name) => {
      const [near] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
      const isNear = near !== undefined && distance(name, near) <= 4;
      return `${name} is not a setting${isNear ? `; did you mean ${near}?` : " (npm start -- --help lists them)"}`;
    });
}

/** Levenshtein's: letters to put in, take out or change. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of one.toUpperCase().split("").entries()) {
    const next = [index + 1];
    for (let at = 1; at <= other.length; at++) {
      const changed = (row[at - 1] ?? 0) + (other[at - 1] === letter ? 0 : 1);
      next.push(Math.min(changed, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Every app parses what it will be given, so that a wrong setting is told before anything was started. */
function checkApps(given: Record<string, string>): void {
  const secret = { HOLDFAST_JWT_SECRET: "x".repeat(32) };
  const problems = new Set<string>();
  const checks = [
    () => edgeConfig(given["HOLDFAST_JWKS_URL"] === undefined ? { ...secret, ...given } : given),
    () => orchestratorConfig(given),
    () => inferenceConfig(given),
    () => consoleConfig(given),
    () => webConfig({ ...secret, ...given }),
  ];
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const line of error.message.split("\n").slice(error.message.includes("\n") ? 1 : 0))
        problems.add(line.trim());
    }
  }
  if (problems.size > 0)
    throw new ConfigError(`The environment is not usable:\n${[...problems].map((line) => `  ${line}`).join("\n")}`);
}

function passedOn(env: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith("HOLDFAST_") && value !== undefined && value !== "" && !NEVER_PASSED_ON.has(name)
      ? [[name, value] as const]
      : [],
  );
  return Object.fromEntries(own);
}

/** The secret that development tokens are signed with: made once per data folder, so that tokens outlive a restart. */
export function developmentSecret(dir: string): string {
  const path = join(dir, "jwt-secret");
  mkdirSync(dir, { recursive: true });
  try {
    writeFileSync(path, randomBytes(32).toString("base64url"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return readFileSync(path, "utf8");
}
