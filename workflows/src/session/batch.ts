import type { Event } from "@holdfast/contract/events";
import { NAME_PATTERN } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import type { DeadLetter } from "@holdfast/internal/temporal";

/** An event with its number, or why it cannot be taken. */
export type ReadEvent = { seq: number; event: Event } | { seq: number; dead: DeadLetter };

export interface ReadRun {
  by: string;
  producer: string;
  at: number;
  events: ReadEvent[];
}

/** What of a signal can be taken, and what of it has not even a producer and a number. */
export interface ReadBatch {
  runs: ReadRun[];
  dead: DeadLetter[];
}

/**
 * Reads a signal's payload. Edges have validated what they send, but an edge may be of a later release than this code, and
 * anybody with access to Temporal can signal a workflow; a payload that made the handler throw would fail every later workflow
 * task of the session. Whatever it is, it was durable: what cannot be taken is kept as a dead letter.
 */
export function readBatch(payload: unknown): ReadBatch {
  const read: ReadBatch = { runs: [], dead: [] };
  // What the payload converter makes of what it cannot decode.
  if (payload === undefined) read.dead.push({ reason: "The signal could not be decoded." });
  else if (!isRecord(payload) || !Array.isArray(payload["runs"])) {
    read.dead.push({ reason: "The signal is no batch of events.", content: contentOf(payload) });
  } else for (const run of payload["runs"]) readRun(read, run);
  return read;
}

function readRun(read: ReadBatch, run: unknown): void {
  if (!isRecord(run) || !Array.isArray(run["events"])) {
    read.dead.push({ reason: "Part of the signal is no run of events.", content: contentOf(run) });
    return;
  }
  const { by, producer, at, events } = run;
  if (!isName(by) || !isName(producer)) {
    const reason = "The events do not say whose they are.";
    read.dead.push(...events.map((event) => deadLetter(reason, { by, producer }, event)));
    return;
  }
  const usable: ReadEvent[] = [];
  for (const raw of events) {
    const seq = isRecord(raw) ? raw["seq"] : undefined;
    if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) {
      read.dead.push(deadLetter("The event has no number.", { by, producer }, raw));
      continue;
    }
    const event = readEvent(seq, raw);
    usable.push(typeof event === "string" ? { seq, dead: deadLetter(event, { by, producer }, raw) } : { seq, event });
  }
  // A clock decides which producer is forgotten first, and nothing that would be worth losing an event for.
  read.runs.push({ by, producer, at: typeof at === "number" && Number.isFinite(at) ? at : 0, events: usable });
}

/** Why it is none, where it is none. */
function readEvent(seq: number, raw: unknown): Event | string {
  if (!isRecord(raw)) return "The event is no object.";
  const { kind, text, name, data } = raw;
  const extra = isJson(data) ? { data } : {};
  switch (kind) {
    case "input":
      return typeof text === "string" ? { seq, kind, text, ...extra } : "The input has no text.";
    case "observe":
      return typeof name === "string" ? { seq, kind, name, ...extra } : "The observe has no name.";
    default:
      return "This release of the session knows no such kind of event.";
  }
}

function deadLetter(reason: string, { by, producer }: { by: unknown; producer: unknown }, event: unknown): DeadLetter {
  const { seq, kind } = isRecord(event) ? event : {};
  return {
    reason,
    ...(typeof by === "string" && { by }),
    ...(typeof producer === "string" && { producer }),
    ...(typeof seq === "number" && { seq }),
    ...(typeof kind === "string" && { kind }),
    content: contentOf(event),
  };
}

function contentOf(value: unknown): string {
  return JSON.stringify(value) ?? "";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && NAME_PATTERN.test(value);
}

function isRecord(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A payload was decoded from JSON, so whatever is there is JSON. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}
