import { NAME_PATTERN } from "@holdfast/contract";
import { LANE_PATTERN, SHARED_LANE } from "@holdfast/internal";
import {
  baseConfigShape,
  ConfigError,
  loadConfig,
  redisConfigShape,
  temporalConfigShape,
} from "@holdfast/service/config";
import { z } from "zod";
import { originSchema, proxySchema } from "../connect/origins.ts";

/** A comma-separated list; blanks are dropped. */
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);
const name = z.string().regex(NAME_PATTERN);
const count = z.coerce.number().int().positive();

export const shape = {
  ...baseConfigShape,
  ...redisConfigShape,
  ...temporalConfigShape,
  HOLDFAST_PORT: z.coerce.number().int().min(0).max(65_535).default(4001),

  /** Who may connect: exactly one of a shared secret (HS256; development) and a JWKS URL (production). */
  HOLDFAST_JWT_SECRET: z.string().min(16, "a secret of 16 characters or more").optional(),
  HOLDFAST_JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
  HOLDFAST_JWT_ISSUER: z.string().optional(),
  HOLDFAST_JWT_AUDIENCE: z.string().optional(),
  /** Web origins served besides the edge's own, e.g. `https://app.example.com`; `*` for all. Requests without `Origin` are always served. */
  HOLDFAST_ALLOWED_ORIGINS: list.pipe(z.array(originSchema)).default([]),
  /** Proxies whose word counts for the host a request was sent to, e.g. `10.0.0.0/8`. */
  HOLDFAST_TRUSTED_PROXIES: list.pipe(z.array(proxySchema)).default([]),
  /** Enables POST /admin/announce and /admin/disconnect, with this bearer token. */
  HOLDFAST_OPERATOR_TOKEN: z.string().min(16, "a token of 16 characters or more").optional(),

  /** Agents clients may ask for. The default names those in workflows/src/agents/registry.ts, which this package must not import. */
  HOLDFAST_AGENTS: list.pipe(z.array(name).min(1)).default(["concierge", "echo"]),
  HOLDFAST_DEFAULT_AGENT: name.default("concierge"),
  HOLDFAST_LANE: z.string().regex(LANE_PATTERN, "a lane is 1–64 letters, digits, `_` or `-`").default(SHARED_LANE),

  /** Connections this node holds; beyond it an upgrade is answered 503, so that a balancer chooses another node. */
  HOLDFAST_MAX_CONNECTIONS: count.default(30_000),
  /** Connections of one address (of IPv6 a /64), but for HOLDFAST_TRUSTED_PROXIES. Beyond it 503. */
  HOLDFAST_MAX_CONNECTIONS_PER_ADDRESS: count.default(10_000),
  /** TCP connections that have not asked for an upgrade yet, or ask for something else. One address may have half of them. */
  HOLDFAST_MAX_PENDING_CONNECTIONS: count.default(4_096),
  /** Upgrades a second this node takes (twice as many at once); beyond it 429. Holds back a stampede of reconnects. */
  HOLDFAST_UPGRADES_PER_SECOND: count.default(500),
  /** A subject may be a service with thousands of connections, and all of them come back when an edge dies. */
  HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: count.default(6_000),
  HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT: count.default(60_000),
  /** Sessions begun a minute by way of this node, by their owner and by their tenant (as many at once). */
  HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_SUBJECT: count.default(600),
  HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_TENANT: count.default(60_000),
  /** Requests a second one connection may make (twice as many at once). */
  HOLDFAST_REQUESTS_PER_SECOND: count.default(1_000),
  /** Bytes a second that one connection may send for long (four times as many at once). Small pieces count as more bytes than they have. */
  HOLDFAST_INBOUND_BYTES_PER_SECOND: z.coerce
    .number()
    .int()
    .min(64 * 1024)
    .default(1024 * 1024),
  /** Commands a second that one connection may give, and that one session takes of its owner, and of all its guests together (twice as many at once). */
  HOLDFAST_COMMANDS_PER_SECOND: count.default(10),
  /** Milliseconds a connection may take from the upgrade to an accepted CONNECT packet. */
  HOLDFAST_CONNECT_TIMEOUT_MS: count.default(10_000),
  /** How often a client is pinged, and how long it has to answer. A dead one is kept for the sum at most. */
  HOLDFAST_PING_INTERVAL_MS: count.default(25_000),
  HOLDFAST_PING_TIMEOUT_MS: count.default(20_000),
  HOLDFAST_COMMAND_TIMEOUT_MS: count.default(10_000),
  /** Temporal Queries in flight at this node, for readers; as many again re-check open sessions after an outage of Redis. */
  HOLDFAST_SNAPSHOT_QUERIES: count.default(32),
  /** How much may wait for a socket in this process before its frames are held back. Counted in UTF-16 code units, not in bytes. */
  HOLDFAST_SLOW_SOCKET_BYTES: count.default(256 * 1024),
} as const;

export type EdgeConfig = z.infer<z.ZodObject<typeof shape>>;

/** Throws ConfigError. */
export function edgeConfig(env?: NodeJS.ProcessEnv): EdgeConfig {
  const config = loadConfig(shape, env);
  if ((config.HOLDFAST_JWT_SECRET === undefined) === (config.HOLDFAST_JWKS_URL === undefined)) {
    throw new ConfigError(
      "Set HOLDFAST_JWT_SECRET (development) or HOLDFAST_JWKS_URL (production), and not both: tokens are checked with it.",
    );
  }
  if (!config.HOLDFAST_AGENTS.includes(config.HOLDFAST_DEFAULT_AGENT)) {
    throw new ConfigError("HOLDFAST_DEFAULT_AGENT is not among HOLDFAST_AGENTS: name one of them.");
  }
  return config;
}
