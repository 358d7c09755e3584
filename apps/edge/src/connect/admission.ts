import { wireError, type WireError } from "@holdfast/contract";
import type { Cluster, Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { spread } from "../pacing.ts";
import type { Claims } from "./tokens.ts";

export interface AdmissionOptions {
  HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: number;
  HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT: number;
}

/** Why a connection is refused, if it is. Never rejects. */
export type Admission = (claims: Claims) => Promise<WireError | undefined>;

/** Rejects with `RateLimiterRes` when the key has had its share. */
type Consume = (key: string) => Promise<unknown>;

const WINDOW_SECONDS = 60;

/**
 * SPEC limit-2: new connections per subject and tenant, counted over all nodes. While Redis is away each node counts for
 * itself: a limiter that cannot count must not stop everyone. `isDegraded`: Redis is known to be away. A Redis that hangs still has
 * its connections, and waiting for its answers would use up the time of a handshake.
 */
export function createAdmission(
  redis: Redis | Cluster,
  options: AdmissionOptions,
  isDegraded: () => boolean,
): Admission {
  const limiter = (keyPrefix: string, points: number): Consume => {
    const [shared, own] = limiters(redis, keyPrefix, points);
    return (key) => (isDegraded() ? own : shared).consume(key);
  };
  const subjects = limiter("hf:connects:subject", options.HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT);
  const tenants = limiter("hf:connects:tenant", options.HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT);
  return async ({ tenant, subject }) => {
    try {
      await subjects(`${tenant}/${subject}`);
      await tenants(tenant);
      return undefined;
    } catch (reason) {
      if (!(reason instanceof RateLimiterRes)) return undefined;
      const retryAfterMs = spread(reason.msBeforeNext);
      return wireError("rate_limited", "Too many connections in a short time.", { retryAfterMs });
    }
  };
}

/** A limiter that counts over all nodes, and this node's own, which takes its place while Redis is away. */
function limiters(redis: Redis | Cluster, keyPrefix: string, points: number): [RateLimiterRedis, RateLimiterMemory] {
  const limit = { keyPrefix, points, duration: WINDOW_SECONDS };
  const own = new RateLimiterMemory(limit);
  const shared = new RateLimiterRedis({
    ...limit,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: own,
    // Once over the limit, a node refuses without asking Redis again.
    inMemoryBlockOnConsumed: points + 1,
  });
  return [shared, own];
}
