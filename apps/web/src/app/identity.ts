import { NAME_PATTERN } from "@holdfast/contract";
import { z } from "zod";
import { SavedValue } from "./saved-value.ts";

const name = z.string().regex(NAME_PATTERN);
const identitySchema = z.object({ subject: name, tenant: name });
/** Who the page speaks for. */
export type Identity = z.infer<typeof identitySchema>;

export const savedIdentity = new SavedValue<Identity | null>("holdfast.identity", identitySchema.nullable(), null);

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}

/** Gets a fresh development token. Rejects with a sentence for people. */
export async function fetchToken(identity: Identity): Promise<string> {
  const response = await fetch("/dev/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(identity),
  });
  if (!response.ok) throw new Error(`The web server refused a token (${response.status}): ${await response.text()}`);
  return z.object({ token: z.string() }).parse(await response.json()).token;
}
