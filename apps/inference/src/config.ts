import { LANE_PATTERN, SHARED_LANE } from "@holdfast/internal/temporal";
import { baseConfigShape, loadConfig, redisConfigShape, temporalConfigShape } from "@holdfast/service/config";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().positive();
const milliseconds = z.coerce.number().int().nonnegative();

const lanes = z
  .string()
  .transform((text) => [...new Set(text.split(",").map((lane) => lane.trim()))])
  .pipe(z.array(z.string().regex(LANE_PATTERN, "a lane is 1–64 letters, digits, `_` or `-`")));

export const shape = {
  ...baseConfigShape,
  ...redisConfigShape,
  ...temporalConfigShape,
  /** Health and metrics. */
  HOLDFAST_PORT: port.default(4020),
  /** Temporal SDK's own Prometheus metrics on HOLDFAST_HOST; not served without it. */
  HOLDFAST_SDK_METRICS_PORT: port.optional(),
  /** Comma-separated lanes this worker takes model work from. */
  HOLDFAST_LANES: lanes.default([SHARED_LANE]),
  /** Model calls under way at once, for each lane. */
  HOLDFAST_MAX_CONCURRENT_ACTIVITIES: count.default(200),
  /** Base URL of an OpenAI-compatible server, up to and including /v1. Without one the embedded model answers. */
  HOLDFAST_MODEL_URL: z.url({ protocol: /^https?$/ }).optional(),
  HOLDFAST_MODEL_KEY: z.string().optional(),
  /** The model of requests that name none. */
  HOLDFAST_MODEL_NAME: z.string().default("default"),
  /** How the server goes on with an unfinished answer: `vllm` by continue_final_message, `none` not at all. */
  HOLDFAST_MODEL_CONTINUE: z.enum(["none", "vllm"]).default("none"),
  /** What the model's context holds, prompt and answer together. The conversation is cut to it, the newest first. */
  HOLDFAST_MODEL_CONTEXT_TOKENS: z.coerce.number().int().min(256).default(32_768),
  /**
   * Silence after which a model counts as stalled: before its first text, and after it. Any sign of life (reasoning, comments that
   * keep the connection) begins it anew. Node itself ends a response that is silent for five minutes.
   */
  HOLDFAST_MODEL_FIRST_TEXT_TIMEOUT_MS: milliseconds.min(1).max(300_000).default(60_000),
  HOLDFAST_MODEL_IDLE_TIMEOUT_MS: milliseconds.min(1).max(300_000).default(20_000),
  /** How long one answer may take, whatever signs of life there are; never longer than its turn has (an agent's deadlineSeconds). */
  HOLDFAST_MODEL_TOTAL_TIMEOUT_MS: milliseconds.min(1).max(86_400_000).default(600_000),
  /** Between two words of the embedded model. */
  HOLDFAST_EMBEDDED_TOKEN_DELAY_MS: milliseconds.default(10),
} as const;

export type InferenceConfig = ReturnType<typeof inferenceConfig>;

export function inferenceConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shape, env);
}
