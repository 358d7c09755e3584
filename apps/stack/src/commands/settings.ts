import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseConfigShape, loadConfig } from "@holdfast/service/config";
import { z } from "zod";
import type { StackPorts } from "../stack-ports.ts";

const port = z.coerce.number().int().min(1).max(65_535);

/** What `npm start` reads from the environment. Everything else that begins with HOLDFAST_ is passed on to the apps. */
const shape = {
  HOLDFAST_EDGES: z.coerce.number().int().min(1).max(8).default(2),
  HOLDFAST_SHUTDOWN_GRACE_SECONDS: baseConfigShape.HOLDFAST_SHUTDOWN_GRACE_SECONDS,
  HOLDFAST_JWT_SECRET: z.string().min(32).optional(),
  HOLDFAST_TEMPORAL_ADDRESS: z.string().optional(),
  HOLDFAST_REDIS_URL: z.string().optional(),
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

export interface Settings {
  edges: number;
  ports: StackPorts;
  graceMs: number;
  jwtSecret: string | undefined;
  temporalAddress: string | undefined;
  redisUrl: string | undefined;
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
]);

/** `portBase` moves every port that has no variable of its own set. Throws `ConfigError`. */
export function loadSettings(portBase: number, env: NodeJS.ProcessEnv = process.env): Settings {
  const config = loadConfig(shape, env);
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
    redisUrl: config.HOLDFAST_REDIS_URL,
    passedOn: passedOn(env),
  };
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
