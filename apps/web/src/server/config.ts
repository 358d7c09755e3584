import { baseConfigShape, ConfigError, httpUrl, httpUrls, loadConfig } from "@holdfast/service/config";
import { z } from "zod";

export const shape = {
  ...baseConfigShape,
  HOLDFAST_PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  /** The edges as a browser reaches them. A page rotates through them when it reconnects. */
  HOLDFAST_EDGE_URLS: httpUrls.default(["http://127.0.0.1:4001", "http://127.0.0.1:4002"]),
  /**
   * Development only: whoever reaches this server may become anyone. It also lets the page reach the supervisor's
   * control API, when there is one.
   */
  HOLDFAST_DEV_TOKENS: z.stringbool().default(false),
  /** HS256, shared with the edges. Needed for development tokens, unused without them. */
  HOLDFAST_JWT_SECRET: z.string().min(32).optional(),
  HOLDFAST_JWT_ISSUER: z.string().optional(),
  HOLDFAST_JWT_AUDIENCE: z.string().optional(),
  /** Lifetime of a development token, in seconds. The page gets a new one before it ends. */
  HOLDFAST_DEV_TOKEN_SECONDS: z.coerce.number().int().positive().default(3600),
  /** Origins of this server besides the loopback names, for its development routes (say, a laptop's name for a phone). */
  HOLDFAST_WEB_ORIGINS: httpUrls.default([]),
  /** The supervisor's control API. */
  HOLDFAST_CONTROL_URL: httpUrl.optional(),
  HOLDFAST_CONTROL_TOKEN: z.string().optional(),
} as const;

export interface DevTokenOptions {
  secret: Uint8Array;
  seconds: number;
  issuer: string | undefined;
  audience: string | undefined;
}
export interface ControlOptions {
  url: string;
  token: string;
}
export interface WebConfig {
  /** What the logger wants to know. */
  log: { HOLDFAST_NODE_ID: string; HOLDFAST_LOG_LEVEL: string };
  host: string;
  port: number;
  edges: string[];
  origins: string[];
  /** Undefined: the route does not exist. */
  devTokens: DevTokenOptions | undefined;
  /** Undefined: the routes do not exist. Never there without development tokens. */
  control: ControlOptions | undefined;
}

/** Throws `ConfigError`, also where single settings are well-formed but do not go together. */
export function webConfig(env: NodeJS.ProcessEnv = process.env): WebConfig {
  const parsed = loadConfig(shape, env);
  return {
    log: parsed,
    host: parsed.HOLDFAST_HOST,
    port: parsed.HOLDFAST_PORT,
    edges: parsed.HOLDFAST_EDGE_URLS,
    origins: parsed.HOLDFAST_WEB_ORIGINS,
    devTokens: devTokens(parsed),
    control: control(parsed),
  };
}

type Parsed = z.infer<z.ZodObject<typeof shape>>;

function devTokens(parsed: Parsed): DevTokenOptions | undefined {
  if (!parsed.HOLDFAST_DEV_TOKENS) return undefined;
  if (parsed.HOLDFAST_JWT_SECRET === undefined) {
    throw new ConfigError("HOLDFAST_DEV_TOKENS needs HOLDFAST_JWT_SECRET, the secret the edges verify tokens with.");
  }
  return {
    secret: new TextEncoder().encode(parsed.HOLDFAST_JWT_SECRET),
    seconds: parsed.HOLDFAST_DEV_TOKEN_SECONDS,
    issuer: parsed.HOLDFAST_JWT_ISSUER,
    audience: parsed.HOLDFAST_JWT_AUDIENCE,
  };
}

function control(parsed: Parsed): ControlOptions | undefined {
  const { HOLDFAST_CONTROL_URL: url, HOLDFAST_CONTROL_TOKEN: token } = parsed;
  if (url === undefined || !parsed.HOLDFAST_DEV_TOKENS) return undefined;
  if (token === undefined) throw new ConfigError("HOLDFAST_CONTROL_URL needs HOLDFAST_CONTROL_TOKEN.");
  return { url: url.replace(/\/+$/, ""), token };
}
