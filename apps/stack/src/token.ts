import { SignJWT } from "jose";

export interface TokenClaims {
  subject: string;
  tenant?: string;
  /** SPEC connect-2: sessions of others, `"owner/name"`. */
  shared?: readonly string[];
  expiresInSeconds?: number;
}

/** A token the stack's edges accept (SPEC connect-2). For development and tests: nobody is authenticated. */
export function mintToken(secret: string, claims: TokenClaims): Promise<string> {
  const { subject, tenant = "acme", shared, expiresInSeconds = 3_600 } = claims;
  return new SignJWT({ tenant, ...(shared === undefined ? {} : { shared: [...shared] }) })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(new TextEncoder().encode(secret));
}
