import { setTimeout as sleep } from "node:timers/promises";
import type { DataPart } from "@holdfast/contract";
import type { Ended, Model, ModelPrompt, Piece } from "../model.ts";
import { Language, type Reading } from "./language.ts";
import { composeReply, newestMessage } from "./reply.ts";

export interface EmbeddedConfig {
  /** Milliseconds between words, so that streaming can be seen; 0 for none. */
  tokenDelayMs: number;
}

/**
 * The default model: runs in this process, needs no key and no network. It composes its answer from what the small English
 * model finds in the message and from the conversation. The same prompt always gets the same answer, so it can go on after any
 * beginning of it. Before its answer it tells what it read, as data.
 */
export function createEmbeddedModel(config: EmbeddedConfig): Model {
  const language = new Language();
  let last: { text: string; reading: Reading } | undefined;
  // Reading holds the event loop, and every answer asks for the same reading several times.
  const read = (text: string): Reading => {
    if (last?.text !== text) last = { text, reading: language.read(text) };
    return last.reading;
  };
  const replyTo = ({ messages }: ModelPrompt): string => composeReply(messages, read);
  return {
    provider: "embedded",
    name: "wink-eng-lite",
    promptTokens: () => undefined,
    // The context of a retry may differ from the first attempt's (an older cache, another release): then the answer does too.
    continuesFrom: (prompt) => replyTo(prompt).startsWith(prompt.prefix),
    async *stream(prompt, signal) {
      // It comes before the text, so who holds text of this answer holds it.
      if (prompt.prefix === "") yield { kind: "data", part: partOf(read(newestMessage(prompt.messages))) };
      return yield* speak(replyTo(prompt).slice(prompt.prefix.length), config.tokenDelayMs, signal);
    },
  };
}

function partOf({ sentiment, entities, keywords }: Reading): DataPart {
  return { type: "data", name: "reading", value: { sentiment, entities, keywords } };
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
