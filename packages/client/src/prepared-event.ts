import { eventSchema, LIMITS, type Event } from "@holdfast/contract";
import { z } from "zod";
import { HoldfastError } from "./errors.ts";

export type PreparedEvent =
  /** `bytes`: UTF-8 bytes of its JSON. */
  { outcome: "ok"; event: Event; bytes: number } | { outcome: "refused"; error: HoldfastError };

const utf8 = new TextEncoder();

/**
 * Checks an event as the edge will (SPEC send-2, send-3, §11), so that one bad event is refused alone and at once. The
 * result is a copy: were it the caller's own object, changing it later would give one number to two events (send-4).
 */
export function prepareEvent(event: Event): PreparedEvent {
  let json: string;
  try {
    json = JSON.stringify(event);
  } catch (error) {
    return { outcome: "refused", error: new HoldfastError("invalid", `data: ${String(error)}`, { cause: error }) };
  }
  const bytes = utf8.encode(json).byteLength;
  if (bytes > LIMITS.eventBytes) return tooLarge("eventBytes", bytes);
  if (event.kind === "input" && event.text.length * 3 > LIMITS.inputTextBytes) {
    const textBytes = utf8.encode(event.text).byteLength;
    if (textBytes > LIMITS.inputTextBytes) return tooLarge("inputTextBytes", textBytes);
  }
  const parsed = eventSchema.safeParse(JSON.parse(json));
  if (parsed.success) return { outcome: "ok", event: parsed.data, bytes };
  return { outcome: "refused", error: new HoldfastError("invalid", z.prettifyError(parsed.error)) };
}

function tooLarge(limit: "eventBytes" | "inputTextBytes", bytes: number): PreparedEvent {
  const message = `${bytes} bytes are over the limit ${limit}, ${LIMITS[limit]}. Send less.`;
  return { outcome: "refused", error: new HoldfastError("too_large", message) };
}
