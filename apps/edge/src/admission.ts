import { wireError, type WireError } from "@holdfast/contract";
import type { Cluster, Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { Claims } from "./tokens.ts";

export interface AdmissionSettings {
  HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: number;
  HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT: number;
}

/** Why a connection is refused, if it is. Never rejects. */
export type Admission = (claims: Claims) => Promise<WireError | undefined>;

const WINDOW_SECONDS = 60;

/**
 * SPEC limit-2: new connections per subject and tenant, counted over all nodes. While Redis is away each node counts for
 * itself: a limiter that cannot count must not be what stops everyone.
 */
export function createAdmission(redis: Redis | Cluster, settings: AdmissionSettings): Admission {
  const subjects = limiter(redis, "hf:connects:subject", settings.HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT);
  const tenants = limiter(redis, "hf:connects:tenant", settings.HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT);
  return async ({ tenant, subject }) => {
    try {
      await subjects.consume(`${tenant}/${subject}`);
      await tenants.consume(tenant);
      return undefined;
    } catch (reason) {
      if (!(reason instanceof RateLimiterRes)) return undefined;
      // Spread, or all that were refused would come back in the same millisecond.
      const retryAfterMs = Math.round(reason.msBeforeNext * (1 + Math.random() / 2));
      return wireError("rate_limited", "Too many connections in a short time.", { retryAfterMs });
    }
  };
}

function limiter(redis: Redis | Cluster, keyPrefix: string, points: number): RateLimiterRedis {
  const limit = { keyPrefix, points, duration: WINDOW_SECONDS };
  return new RateLimiterRedis({
    ...limit,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(limit),
    // Once over the limit, a node refuses without asking Redis again.
    inMemoryBlockOnConsumed: points + 1,
  });
}
