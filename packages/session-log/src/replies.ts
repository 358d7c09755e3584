import { type FrameText, readFrameText } from "@holdfast/internal";
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

/**
 * One entry of a stream as Redis returns it: its id, and among its fields `prev` and `body` that `lua/log.lua` wrote. Undefined
 * where it is not one, so that a reader falls back to a snapshot instead of failing for ever at the same place.
 */
export function frameOfEntry(reply: unknown): FrameText | undefined {
  const [idReply, fields] = listOf(reply);
  const [id, [prevName, prev, bodyName, body]] = [textOf(idReply), listOf(fields).map(textOf)];
  if (prevName !== "prev" || bodyName !== "body" || prev === undefined || !body?.startsWith("{")) return undefined;
  const frame = readFrameText(`{"id":${JSON.stringify(id)},"prev":${JSON.stringify(prev)},${body.slice(1)}`);
  // A body that brings members of these names would win over them.
  return frame?.id === id && frame.prev === prev ? frame : undefined;
}
