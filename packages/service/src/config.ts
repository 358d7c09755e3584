import { hostname } from "node:os";
import { z } from "zod";
import { redisAddressOf } from "./redis-address.ts";

/** Parsed by every process; each app extends it with its own settings. Names are those of the environment. */
export const baseConfigShape = {
  HOLDFAST_NODE_ID: z.string().min(1).default(`${hostname()}-${process.pid}`),
  HOLDFAST_HOST: z.string().default("127.0.0.1"),
  HOLDFAST_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  /** Seconds a process may take to finish what it began after SIGTERM. */
  HOLDFAST_SHUTDOWN_GRACE_SECONDS: z.coerce.number().positive().default(10),
} as const;

export const redisConfigShape = {
  /**
   * redis:// or rediss://; redis+sentinel://host:port,host:port/master-name; redis+cluster://host:port,host:port
   * Each may have user:password@ before the first host, percent-encoded: the data nodes', not the sentinels'.
   */
  HOLDFAST_REDIS_URL: z
    .string()
    .refine(
      (url) => redisAddressOf(url) !== undefined,
      "redis://, rediss://, redis+sentinel:// or redis+cluster://, then [user:password@]host:port[,host:port]; percent-encode what is special in a password",
    )
    .default("redis://127.0.0.1:4379"),
  /**
   * Most bytes of frames that Redis keeps of one session, the same for every process; more of them and readers who were away
   * for a while are caught up by frames instead of a snapshot.
   */
  HOLDFAST_LOG_BYTES: z.coerce
    .number()
    .int()
    .min(16_384)
    .default(256 * 1024),
} as const;

export const temporalConfigShape = {
  HOLDFAST_TEMPORAL_ADDRESS: z
    .string()
    .regex(
      /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(:\d{1,5})?$/,
      "host:port, without http:// or a path: temporal.example.com:7233",
    )
    .default("127.0.0.1:4233"),
  HOLDFAST_TEMPORAL_NAMESPACE: z.string().min(1).default("default"),
  HOLDFAST_TEMPORAL_TLS: z.stringbool().default(false),
  HOLDFAST_TEMPORAL_API_KEY: z.string().optional(),
} as const;

/** An address that HTTP clients can call. */
export const httpUrl = z.url({ protocol: /^https?$/ });

/** Such addresses separated by commas, without a trailing slash. */
export const httpUrls = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim().replace(/\/+$/, "")))
  .pipe(z.array(httpUrl));

/** Thrown with one line per wrong variable; `main` prints it and exits 2. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** Parses the environment once. An empty variable counts as unset. */
export function loadConfig<S extends z.ZodRawShape>(
  shape: S,
  env: NodeJS.ProcessEnv = process.env,
): z.infer<z.ZodObject<S>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = z.object(shape).safeParse(present);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = issue.path.join(".");
    return `  ${name}: ${sentenceOf(issue, present[name])}`;
  });
  throw new ConfigError(`The environment is not usable:\n${lines.join("\n")}`);
}

/** zod says of `HOLDFAST_EDGES=zero` that it received NaN, which nobody typed. */
function sentenceOf(issue: z.core.$ZodIssue, given: string | undefined): string {
  if (given === undefined) return issue.message;
  const isNumber = issue.code === "invalid_type" && ["number", "int"].includes(issue.expected);
  return isNumber ? `it must be a whole number, not "${given}"` : issue.message;
}
