import { type FrameText, readFrameText } from "@holdfast/internal";

/**
 * One entry of a stream as Redis returns it: its id, and among its fields `prev` and `body` that `lua/log.lua` wrote. Undefined
 * where it is not one, so that a reader falls back to a snapshot instead of failing for ever at the same place.
 */
export function frameOfEntry(id: string, fields: readonly string[]): FrameText | undefined {
  const [prevName, prev, bodyName, body] = fields;
  if (prevName !== "prev" || bodyName !== "body" || prev === undefined || !body?.startsWith("{")) return undefined;
  const frame = readFrameText(`{"id":${JSON.stringify(id)},"prev":${JSON.stringify(prev)},${body.slice(1)}`);
  // A body that brings members of these names would win over them.
  return frame?.id === id && frame.prev === prev ? frame : undefined;
}
