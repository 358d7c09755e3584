import { setTimeout as sleep } from "node:timers/promises";
import type { Language } from "../language.ts";
import { composeReply } from "./reply.ts";
import type { Ended, Model, ModelPrompt, Piece } from "./model.ts";

export interface EmbeddedConfig {
  /** Milliseconds between words, so that streaming can be seen; 0 for none. */
  tokenDelayMs: number;
}

/**
 * The default model: runs in this process, needs no key and no network. It composes its answer from what the small English
 * model finds in the message and from the conversation. The same prompt always gets the same answer, so it can go on after any
 * beginning of it.
 */
export function createEmbeddedModel(language: Language, config: EmbeddedConfig): Model {
  const replyTo = ({ messages }: ModelPrompt): string => composeReply(messages, (text) => language.read(text));
  return {
    provider: "embedded",
    name: "wink-eng-lite",
    promptTokens: () => undefined,
    // The context of a retry may differ from the first attempt's (an older cache, another release): then the answer does too.
    continuesFrom: (prompt) => replyTo(prompt).startsWith(prompt.prefix),
    stream: (prompt, signal) => speak(replyTo(prompt).slice(prompt.prefix.length), config.tokenDelayMs, signal),
  };
}

async function* speak(text: string, delayMs: number, signal: AbortSignal): AsyncGenerator<Piece, Ended, void> {
  let words = 0;
  for (const [word] of text.matchAll(/\s*\S+\s*/g)) {
    signal.throwIfAborted();
    if (words++ > 0 && delayMs > 0) await sleep(delayMs, undefined, { signal });
    yield { kind: "text", text: word };
  }
  return { finish: "stop", usage: { outputTokens: words } };
}
