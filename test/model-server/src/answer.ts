import { createHash } from "node:crypto";
import type { Script } from "./script.ts";

const DEFAULT_TOKENS = 40;

/** What a call of the model is answered by, one token after another. */
export interface Token {
  kind: "text" | "reasoning";
  text: string;
}

/**
 * The answer to a message, as tokens: the same message and script always get the same one. Every token carries its number and a mark
 * of the message, so that a lost, repeated or foreign token shows. `ordinal`: which call for this message it answers; under
 * `distinct` each has a mark of its own.
 */
export function answerTokens(message: string, script: Script, ordinal = 1): string[] {
  return wordsOf(message, script, ordinal, script.tokens ?? DEFAULT_TOKENS);
}

/** The reasoning that comes with the answer, in words which that does not have. */
export function reasoningTokens(message: string, script: Script, ordinal = 1): string[] {
  return wordsOf(`${message}\nreasoning`, script, ordinal, script.reasoning.tokens);
}

/** All that is said after a prefix of the answer. A prefix that is not of this answer gets the whole answer after it. */
export function tokensAfter(prefix: string, message: string, script: Script, ordinal: number): Token[] {
  const answer = answerTokens(message, script, ordinal);
  const rest = answer.join("").startsWith(prefix) ? without(prefix.length, answer) : answer;
  const told = tokensOf("text", rest, script);
  if (prefix !== "") return told;
  const reasoning = tokensOf("reasoning", reasoningTokens(message, script, ordinal), script);
  return told.toSpliced(script.reasoning.after, 0, ...reasoning);
}

function wordsOf(message: string, script: Script, ordinal: number, count: number): string[] {
  const marked = script.distinct ? `${message}\n${ordinal}` : message;
  const mark = createHash("sha256").update(marked).digest("hex").slice(0, 4);
  const emoji = script.multibyte || script.splitPairs ? "🌊é" : "";
  return Array.from({ length: count }, (_, index) => {
    const word = `${mark}.${index + 1}${emoji} `;
    return script.tokenLength === undefined ? word : word.padEnd(script.tokenLength, "x");
  });
}

function without(skip: number, tokens: string[]): string[] {
  let left = skip;
  return tokens.flatMap((token) => {
    const rest = token.slice(left);
    left = Math.max(0, left - token.length);
    return rest === "" ? [] : [rest];
  });
}

function tokensOf(kind: Token["kind"], words: string[], { splitPairs }: Script): Token[] {
  // Cut between the halves of surrogate pairs, as tokenizers that work on bytes do.
  const pieces = splitPairs ? words.flatMap((word) => word.split(/(?<=[\uD800-\uDBFF])(?=[\uDC00-\uDFFF])/)) : words;
  return pieces.map((text) => ({ kind, text }));
}
