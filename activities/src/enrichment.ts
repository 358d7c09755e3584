import type { Input } from "@holdfast/contract";
import type { Enrichment } from "@holdfast/internal";
import type { Language } from "./language.ts";

/** What the agent learns of the user's message, whichever model answers it. */
export function enrich(language: Language, inputs: Input[]): Enrichment {
  const { sentiment, entities, keywords } = language.read(inputs.map(({ text }) => text).join("\n"));
  return { sentiment, entities, keywords };
}

/** The small language model, loaded when it is first asked for: 0.1 s, and memory, that most workers never need. */
export function languageLoader(): () => Promise<Language> {
  let loading: Promise<Language> | undefined;
  return () => {
    loading ??= import("./language.ts").then(({ Language }) => new Language());
    return loading;
  };
}
