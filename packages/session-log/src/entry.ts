import { type LogFrame, readLogFrame } from "@holdfast/internal";
import { parseJson } from "./json-text.ts";

/**
 * One entry of a stream as Redis returns it: its id, and among its fields `prev` and `body` that `lua/log.lua` wrote. Undefined
 * where it is not one, so that a reader falls back to a snapshot instead of failing for ever at the same place.
 */
export function frameOfEntry(id: string, fields: readonly string[]): LogFrame | undefined {
  const [prevName, prev, bodyName, body] = fields;
  if (prevName !== "prev" || bodyName !== "body" || prev === undefined || body === undefined) return undefined;
  const frame = parseJson(body);
  return typeof frame === "object" ? readLogFrame({ ...frame, id, prev }) : undefined;
}

/** One message of a session's channel: a whole frame. Undefined where it is not one. */
export function frameOfMessage(message: string): LogFrame | undefined {
  return readLogFrame(parseJson(message));
}
