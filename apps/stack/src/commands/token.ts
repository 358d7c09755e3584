import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NAME_PATTERN } from "@holdfast/contract";
import { ConfigError } from "@holdfast/service/config";
import { DATA_DIR } from "../paths.ts";
import { StackError } from "../stack-error.ts";
import { mintToken } from "../token.ts";

export interface TokenOptions {
  subject: string;
  tenant: string;
  shared?: readonly string[];
  expires: number;
}

/** `npm run token`: signed with the secret that `npm start` takes, from the environment or the data folder. */
export function token(options: TokenOptions): Promise<string> {
  const { subject, tenant, shared, expires } = options;
  const wrong = [subject, tenant].find((name) => !NAME_PATTERN.test(name));
  if (wrong !== undefined)
    throw new ConfigError(`"${wrong}" is no name: 1 to 128 letters, digits or . _ ~ @ : + = | -`);
  const notShared = shared?.find((session) => !isSession(session));
  if (notShared !== undefined)
    throw new ConfigError(`"${notShared}" names no session: write owner/session, as in ada/my-chat.`);
  const claims = { subject, tenant, expiresInSeconds: expires };
  return mintToken(secret(), shared === undefined ? claims : { ...claims, shared });
}

function isSession(text: string): boolean {
  const parts = text.split("/");
  return parts.length === 2 && parts.every((part) => NAME_PATTERN.test(part));
}

function secret(): string {
  if (process.env["HOLDFAST_JWKS_URL"]) {
    throw new StackError(
      "no_secret",
      "HOLDFAST_JWKS_URL is set: the edges take only the tokens of that issuer, so ask it for one.",
    );
  }
  const given = process.env["HOLDFAST_JWT_SECRET"];
  if (given) return given;
  try {
    return readFileSync(join(DATA_DIR, "jwt-secret"), "utf8");
  } catch {
    throw new StackError(
      "no_secret",
      `There is no secret to sign with in ${DATA_DIR}: run npm start once, which makes it, or set HOLDFAST_JWT_SECRET ` +
        "(or HOLDFAST_DATA_DIR) to what the edges are given.",
    );
  }
}
