import { createHash } from "node:crypto";
import type { Script } from "./script.ts";

const DEFAULT_TOKENS = 40;

/**
 * The answer to a message, as tokens: the same message and script always get the same one. Every token carries its number and a mark
 * of the message, so that a lost, repeated or foreign token shows. `ordinal`: which call for this message it answers; under
 * `distinct` each has a mark of its own.
 */
export function answerTokens(message: string, script: Script, ordinal = 1): string[] {
  const marked = script.distinct ? `${message}\n${ordinal}` : message;
  const mark = createHash("sha256").update(marked).digest("hex").slice(0, 4);
  const count = script.tokens ?? DEFAULT_TOKENS;
  const emoji = script.multibyte || script.splitPairs ? "🌊é" : "";
  return Array.from({ length: count }, (_, index) => {
    const word = `${mark}.${index + 1}${emoji} `;
    return script.tokenLength === undefined ? word : word.padEnd(script.tokenLength, "x");
  });
}

/** What is left of the answer after a prefix, in tokens. A prefix that is not of this answer gets the whole answer after it. */
export function tokensAfter(tokens: string[], prefix: string): string[] {
  if (!tokens.join("").startsWith(prefix)) return tokens;
  let skip = prefix.length;
  const rest: string[] = [];
  for (const token of tokens) {
    if (skip >= token.length) skip -= token.length;
    else {
      rest.push(token.slice(skip));
      skip = 0;
    }
  }
  return rest;
}

/** Cuts tokens between the halves of surrogate pairs, as tokenizers that work on bytes do. */
export function splitSurrogatePairs(tokens: string[]): string[] {
  return tokens.flatMap((token) => token.split(/(?<=[\uD800-\uDBFF])(?=[\uDC00-\uDFFF])/));
}
