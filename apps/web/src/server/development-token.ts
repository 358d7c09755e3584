import { randomUUID } from "node:crypto";
import { NAME_PATTERN } from "@holdfast/contract";
import { SignJWT } from "jose";
import { z } from "zod";
import type { DevTokenOptions } from "./config.ts";

const name = z.string().regex(NAME_PATTERN, "use 1–128 characters out of letters, digits and . _ ~ @ : + = | -");

/** SPEC ids-1: the names a token may carry. */
export const devTokenRequestSchema = z.strictObject({ subject: name, tenant: name });
export type DevTokenRequest = z.infer<typeof devTokenRequestSchema>;

/** A token as the edges want it (SPEC connect-2). Nobody is authenticated: development only. */
export async function developmentToken(who: DevTokenRequest, settings: DevTokenOptions): Promise<string> {
  const token = new SignJWT({ tenant: who.tenant })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(who.subject)
    // Two tokens are never the same, not even of one second: a client gives up on a token that was refused before.
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${settings.seconds} s`);
  if (settings.issuer !== undefined) token.setIssuer(settings.issuer);
  if (settings.audience !== undefined) token.setAudience(settings.audience);
  return token.sign(settings.secret);
}
