import type { Enrichment, Input } from "@holdfast/contract";
import type { Language } from "./language.ts";

/** What the agent learns of the user's message, whichever model answers it. */
export function enrich(language: Language, inputs: Input[]): Enrichment {
  const { sentiment, entities, keywords } = language.read(inputs.map(({ text }) => text).join("\n"));
  return { sentiment, entities, keywords };
}
