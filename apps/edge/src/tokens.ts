import { nameSchema, wireError, type WireError } from "@holdfast/contract";
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";
import { z } from "zod";
import { spread } from "./backoff.ts";

/** What a token says of its bearer (SPEC connect-2). */
export interface Claims {
  readonly tenant: string;
  readonly subject: string;
  /** Sessions of others, each `"owner/name"`, that the bearer may open. */
  readonly shared: ReadonlySet<string>;
  /** Unix milliseconds; undefined for a token without expiry. */
  readonly expiresAt: number | undefined;
}

export type TokenCheck = { outcome: "valid"; claims: Claims } | { outcome: "refused"; error: WireError };
/** Never rejects. */
export type TokenVerifier = (token: string) => Promise<TokenCheck>;

export interface TokenSettings {
  HOLDFAST_JWT_SECRET?: string | undefined;
  HOLDFAST_JWKS_URL?: string | undefined;
  HOLDFAST_JWT_ISSUER?: string | undefined;
  HOLDFAST_JWT_AUDIENCE?: string | undefined;
}

const claimsSchema = z.object({
  sub: nameSchema,
  tenant: nameSchema,
  exp: z.number().optional(),
  shared: z.array(z.string()).max(1_000).default([]),
});

/** Named, so that a public key is never taken for an HMAC secret, nor `none` for a signature. */
const KEY_PAIR_ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256"];
const CLOCK_TOLERANCE_SECONDS = 5;

export function createTokenVerifier(settings: TokenSettings): TokenVerifier {
  const options = {
    requiredClaims: ["sub", "tenant"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(settings.HOLDFAST_JWT_ISSUER === undefined ? {} : { issuer: settings.HOLDFAST_JWT_ISSUER }),
    ...(settings.HOLDFAST_JWT_AUDIENCE === undefined ? {} : { audience: settings.HOLDFAST_JWT_AUDIENCE }),
  };
  const decode = decoder(settings, options);
  return async (token) => {
    try {
      return claimsOf(await decode(token));
    } catch (error) {
      return { outcome: "refused", error: refusal(error) };
    }
  };
}

function decoder(settings: TokenSettings, options: object): (token: string) => Promise<JWTPayload> {
  if (settings.HOLDFAST_JWKS_URL !== undefined) {
    const keys = createRemoteJWKSet(new URL(settings.HOLDFAST_JWKS_URL), { timeoutDuration: 3_000 });
    return async (token) => (await jwtVerify(token, keys, { ...options, algorithms: KEY_PAIR_ALGORITHMS })).payload;
  }
  const secret = new TextEncoder().encode(settings.HOLDFAST_JWT_SECRET);
  return async (token) => (await jwtVerify(token, secret, { ...options, algorithms: ["HS256"] })).payload;
}

function claimsOf(payload: JWTPayload): TokenCheck {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
    return { outcome: "refused", error: wireError("unauthenticated", `The token's claims are not usable: ${where}.`) };
  }
  const { sub, tenant, exp, shared } = parsed.data;
  const expiresAt = exp === undefined ? undefined : exp * 1_000;
  return { outcome: "valid", claims: { tenant, subject: sub, shared: new Set(shared), expiresAt } };
}

function refusal(error: unknown): WireError {
  if (error instanceof errors.JWTExpired) return wireError("token_expired");
  // The keys could not be fetched: the token may be good, so this must not make a client throw it away.
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
    return wireError("unavailable", "The keys that check tokens are out of reach.", { retryAfterMs: spread(1_000) });
  }
  return wireError("unauthenticated", "The token is not valid here.");
}
