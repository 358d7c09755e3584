import type { AppendOutcome } from "./types.ts";

/** A script's answer is a list of strings and integers; anything else means that Redis runs another script than ours. */
export class ReplyError extends Error {
  override name = "ReplyError";
}

export function listOf(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new ReplyError("The session log's script did not answer with a list.");
}

export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new ReplyError(`The session log's script answered ${typeof value} instead of text.`);
}

export function numberOf(value: unknown): number {
  const number = typeof value === "string" || typeof value === "number" ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new ReplyError(`The session log's script answered ${String(value)} instead of an integer.`);
}

export function outcomeOf(value: unknown): AppendOutcome {
  switch (value) {
    case "appended":
    case "duplicate":
    case "stale":
    case "gap":
      return value;
    default:
      throw new ReplyError(`The session log's script answered the unknown outcome ${String(value)}.`);
  }
}

/** A hash as a RESP2 or RESP3 connection gives it from a script: names and values in turn. */
export function pairsOf(reply: unknown): Map<string, string> {
  const list = listOf(reply).map(textOf);
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < list.length; i += 2) pairs.set(list[i] ?? "", list[i + 1] ?? "");
  return pairs;
}

/** An entry of a stream. */
export function entryOf(reply: unknown): { id: string; fields: string[] } {
  const [id, fields] = listOf(reply);
  return { id: textOf(id), fields: listOf(fields).map(textOf) };
}
