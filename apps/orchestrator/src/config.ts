import { baseConfigShape, loadConfig, redisConfigShape, temporalConfigShape } from "@holdfast/service/config";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().positive();

const names = z.string().transform((text) =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== ""),
);

export const shape = {
  ...baseConfigShape,
  ...redisConfigShape,
  ...temporalConfigShape,
  /** Health and metrics. */
  HOLDFAST_PORT: port.default(4010),
  /** Temporal SDK's own Prometheus metrics on HOLDFAST_HOST; not served without it. */
  HOLDFAST_SDK_METRICS_PORT: port.optional(),
  /** What the edges offer, as they are told: an orchestrator that lacks one of these agents refuses to start. */
  HOLDFAST_AGENTS: names.optional(),
  /** Sessions kept in memory. One that is not has its history replayed before its next event. */
  HOLDFAST_MAX_CACHED_WORKFLOWS: count.min(2).default(2_000),
  /**
   * They share one thread. After a restart each replays its session's run within a workflow task's ten seconds; with too many
   * at once none would make it. Publishing holds its task while Redis is slow.
   */
  HOLDFAST_MAX_CONCURRENT_WORKFLOW_TASKS: count.min(2).default(20),
  /** Publishing to the session log. Too few and commits queue for one another. */
  HOLDFAST_MAX_CONCURRENT_LOCAL_ACTIVITIES: count.default(200),
  /**
   * `lean`: without stack traces of every promise, one time limit an activation (lean-sandbox.ts). `stock`: as the SDK has it, for
   * more CPU, so that Temporal's UI shows where a workflow waits ("Stack Trace").
   */
  HOLDFAST_SANDBOX: z.enum(["lean", "stock"]).default("lean"),
  /** Repair of session logs: each waits while Redis is away. */
  HOLDFAST_MAX_CONCURRENT_ACTIVITIES: count.default(500),
} as const;

export type OrchestratorConfig = ReturnType<typeof orchestratorConfig>;

export function orchestratorConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shape, env);
}
