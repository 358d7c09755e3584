import { baseConfigShape, loadConfig } from "@holdfast/service/config";
import { z } from "zod";

const url = z.url({ protocol: /^https?$/ });
/** Addresses separated by commas, without a trailing slash. */
const urls = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim().replace(/\/+$/, "")))
  .pipe(z.array(url));

const shape = {
  ...baseConfigShape,
  HOLDFAST_PORT: z.coerce.number().int().min(0).max(65_535).default(4100),
  /** Temporal's own web UI, as an operator's browser reaches it. */
  HOLDFAST_TEMPORAL_UI_URL: url.optional(),
  /** The edges, as an operator's browser reaches them: the page links their health and metrics. */
  HOLDFAST_EDGE_URLS: urls.default([]),
} as const;

export type ConsoleConfig = ReturnType<typeof consoleConfig>;

export function consoleConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shape, env);
}
