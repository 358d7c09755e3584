import type { Event } from "@holdfast/contract/events";
import type { Json } from "@holdfast/contract/json";
import type { EventRun } from "@holdfast/contract/temporal";

/** What of a signal is usable, and how many runs or events in it were not. */
export interface ReadBatch {
  runs: EventRun[];
  malformed: number;
}

/**
 * Reads a signal's payload. Edges have validated what they send; anybody with access to Temporal can signal a workflow
 * though, and a payload that made the handler throw would fail every later workflow task of the session.
 */
export function readBatch(payload: unknown): ReadBatch {
  const read: ReadBatch = { runs: [], malformed: 0 };
  if (!isRecord(payload) || !Array.isArray(payload["runs"])) return { runs: [], malformed: 1 };
  for (const run of payload["runs"]) {
    if (!isRecord(run) || !Array.isArray(run["events"])) {
      read.malformed++;
      continue;
    }
    const { producer, at, events } = run;
    if (typeof producer !== "string" || producer === "" || typeof at !== "number" || !Number.isFinite(at)) {
      read.malformed++;
      continue;
    }
    const usable = events.map(readEvent).filter((event) => event !== undefined);
    read.malformed += events.length - usable.length;
    read.runs.push({ producer, at, events: usable });
  }
  return read;
}

function readEvent(event: unknown): Event | undefined {
  if (!isRecord(event)) return undefined;
  const { seq, kind, text, name, data } = event;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return undefined;
  const extra = isJson(data) ? { data } : {};
  if (kind === "input" && typeof text === "string") return { seq, kind, text, ...extra };
  if (kind === "observe" && typeof name === "string") return { seq, kind, name, ...extra };
  return undefined;
}

function isRecord(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A payload was decoded from JSON, so whatever is there is JSON. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}
