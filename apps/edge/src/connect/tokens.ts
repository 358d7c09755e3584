import { nameSchema, wireError, type WireError } from "@holdfast/contract";
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  jwksCache,
  jwtVerify,
  type JWKSCacheInput,
  type JWTPayload,
} from "jose";
import { z } from "zod";
import { spread } from "../pacing.ts";

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

export interface TokenOptions {
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

/** The issuer may have newer keys, but they were fetched too recently to be asked for again. */
class KeysOutdated extends Error {}

export function createTokenVerifier(options: TokenOptions): TokenVerifier {
  const checks = {
    requiredClaims: ["sub", "tenant"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(options.HOLDFAST_JWT_ISSUER === undefined ? {} : { issuer: options.HOLDFAST_JWT_ISSUER }),
    ...(options.HOLDFAST_JWT_AUDIENCE === undefined ? {} : { audience: options.HOLDFAST_JWT_AUDIENCE }),
  };
  const decode = decoder(options, checks);
  return async (token) => {
    try {
      return claimsOf(await decode(token));
    } catch (error) {
      return { outcome: "refused", error: refusal(error) };
    }
  };
}

function decoder(options: TokenOptions, checks: object): (token: string) => Promise<JWTPayload> {
  if (options.HOLDFAST_JWKS_URL !== undefined) return keySetDecoder(new URL(options.HOLDFAST_JWKS_URL), checks);
  const secret = new TextEncoder().encode(options.HOLDFAST_JWT_SECRET);
  return async (token) => (await jwtVerify(token, secret, { ...checks, algorithms: ["HS256"] })).payload;
}

/** jose fetches the keys again when a token's key is not among them, but not soon after the last fetch. */
function keySetDecoder(url: URL, checks: object): (token: string) => Promise<JWTPayload> {
  const cache: JWKSCacheInput & { uat?: number } = {};
  const keys = createRemoteJWKSet(url, { timeoutDuration: 3_000, [jwksCache]: cache });
  return async (token) => {
    const fetchedAt = keys.coolingDown ? cache.uat : undefined;
    try {
      return (await jwtVerify(token, keys, { ...checks, algorithms: KEY_PAIR_ALGORITHMS })).payload;
    } catch (error) {
      const isUnknownKey = error instanceof errors.JWKSNoMatchingKey && fetchedAt !== undefined;
      throw isUnknownKey && isIssuedSince(fetchedAt, token) ? new KeysOutdated() : error;
    }
  };
}

/** Whether the token was issued after the keys were fetched, so that its key may be newer. Its own claim is enough for that. */
function isIssuedSince(time: number, token: string): boolean {
  const { iat } = decodeJwt(token);
  return iat === undefined || (iat + CLOCK_TOLERANCE_SECONDS) * 1_000 > time;
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
  // The token may be good, so the client must not throw it away.
  if (isOfKeys(error)) {
    return wireError("unavailable", "The keys that check tokens are out of reach.", { retryAfterMs: spread(1_000) });
  }
  // The signature is right, so the bearer may be told which claim its issuer has to change.
  if (error instanceof errors.JWTClaimValidationFailed) return wireError("unauthenticated", claimAdvice(error.claim));
  return wireError("unauthenticated", "The token is not valid here: it is no JWT, or not signed with this edge's key.");
}

function claimAdvice(claim: string): string {
  switch (claim) {
    case "nbf":
      return "The token's `nbf` is in the future, or no number: compare the clocks of its issuer and the edge.";
    case "iss":
      return "The token's `iss` is not HOLDFAST_JWT_ISSUER.";
    case "aud":
      return "The token's `aud` is not HOLDFAST_JWT_AUDIENCE.";
    case "exp":
    case "iat":
      return `The token's \`${claim}\` is not a number of seconds.`;
    default:
      return "The token lacks `sub` or `tenant`.";
  }
}

/** The keys could not be fetched: no answer, another status than 200 (which jose throws as its generic error), or no keys. */
function isOfKeys(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error.code === errors.JOSEError.code
  );
}

/** How long before its token's end a client is told; a third of the time left, if that is less. */
const NOTICE_MS = 60_000;
/** setTimeout fires at once if the delay is longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** SPEC connect-5: says that a connection's token is about to end, and that it has ended. */
export class TokenExpiry {
  readonly #onExpiring: (inMs: number) => void;
  readonly #onExpired: () => void;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(onExpiring: (inMs: number) => void, onExpired: () => void) {
    this.#onExpiring = onExpiring;
    this.#onExpired = onExpired;
  }

  /** Starts, or starts anew with a renewed token's end (Unix milliseconds; undefined: none). */
  set(expiresAt: number | undefined): void {
    clearTimeout(this.#timer);
    if (expiresAt === undefined || this.#hasEnded) return;
    const left = expiresAt - Date.now();
    const notice = Math.min(NOTICE_MS, left / 3);
    this.#at(expiresAt - notice, () => {
      this.#onExpiring(Math.max(0, Math.round(expiresAt - Date.now())));
      this.#at(expiresAt, this.#onExpired);
    });
  }

  /** Also ends a later `set`: a renewal may be under way when the connection ends, and a timer would keep both until the token expires. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #at(time: number, action: () => void): void {
    const left = Math.max(0, time - Date.now());
    this.#timer = setTimeout(
      () => {
        if (time - Date.now() > 0) this.#at(time, action);
        else action();
      },
      Math.min(left, LONGEST_TIMER_MS),
    );
  }
}
