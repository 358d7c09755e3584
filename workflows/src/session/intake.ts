import type { Event } from "@holdfast/contract/events";
import { NAME_PATTERN } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import type { DeadLetter, DeadLetters } from "@holdfast/internal/temporal";

/** An event with its number, or why it cannot be taken. */
export type ReadEvent = { seq: number; event: Event } | { seq: number; dead: DeadLetter };

/** One producer's events of a signal. */
export interface ReadRun {
  by: string;
  producer: string;
  /** Unix milliseconds at the edge, 0 where it did not tell. */
  at: number;
  traceparent?: string;
  events: ReadEvent[];
}

/** What of a signal can be taken, and what of it has not even a producer and a number. */
export interface ReadBatch {
  runs: ReadRun[];
  dead: DeadLetter[];
}

/** SPEC trace-1. */
const TRACEPARENT_PATTERN = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

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
  const { by, producer, at, traceparent, events } = run;
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
  read.runs.push({ by, producer, at: readTime(at), ...readTrace(traceparent), events: usable });
}

/** A clock or a trace that makes no sense is not worth losing an event for. */
function readTime(at: unknown): number {
  return typeof at === "number" && Number.isSafeInteger(at) && at >= 0 ? at : 0;
}

function readTrace(traceparent: unknown): { traceparent?: string } {
  return typeof traceparent === "string" && TRACEPARENT_PATTERN.test(traceparent) ? { traceparent } : {};
}

/** Why it is none, where it is none. */
function readEvent(seq: number, raw: unknown): Event | string {
  if (!isRecord(raw)) return "The event is no object.";
  const { kind, id, text, name, data } = raw;
  const extra = isJson(data) ? { data } : {};
  switch (kind) {
    case "input":
      if (typeof text !== "string") return "The input has no text.";
      if (id === undefined) return { seq, kind, text, ...extra };
      return isName(id) ? { seq, kind, id, text, ...extra } : "The input's id is no name.";
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

/** Letters kept, and how long their contents may be together (UTF-16 code units). */
const MOST_LETTERS = 64;
const MOST_CONTENT = 128 * 1024;

/** Durable events the session could not take. Bounded, because whoever can signal a workflow can send any number of them. */
export class DeadLetterBox {
  #letters: DeadLetter[];
  #dropped: number;

  constructor({ letters, dropped }: DeadLetters = { letters: [], dropped: 0 }) {
    this.#letters = [...letters];
    this.#dropped = dropped;
  }

  add(letter: DeadLetter): void {
    const content = letter.content?.slice(0, LIMITS.eventBytes);
    this.#letters.push(content === undefined ? letter : { ...letter, content });
    let length = this.#letters.reduce((sum, kept) => sum + lengthOf(kept), 0);
    let giveWay = Math.max(0, this.#letters.length - MOST_LETTERS);
    for (const oldest of this.#letters.slice(0, giveWay)) length -= lengthOf(oldest);
    while (length > MOST_CONTENT) length -= lengthOf(this.#letters[giveWay++]);
    this.#letters.splice(0, giveWay);
    this.#dropped += giveWay;
  }

  get all(): DeadLetters {
    return { letters: [...this.#letters], dropped: this.#dropped };
  }
}

function lengthOf(letter: DeadLetter | undefined): number {
  return letter?.content?.length ?? 0;
}
