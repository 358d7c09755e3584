import { baseConfigShape, httpUrl, httpUrls, loadConfig } from "@holdfast/service/config";
import { z } from "zod";

export const shape = {
  ...baseConfigShape,
  HOLDFAST_PORT: z.coerce.number().int().min(0).max(65_535).default(4100),
  /** Temporal's own web UI, as an operator's browser reaches it. */
  HOLDFAST_TEMPORAL_UI_URL: httpUrl.optional(),
  /** The edges, as an operator's browser reaches them: the page links their health and metrics. */
  HOLDFAST_EDGE_URLS: httpUrls.default([]),
} as const;

export type ConsoleConfig = ReturnType<typeof consoleConfig>;

export function consoleConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shape, env);
}
