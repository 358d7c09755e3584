import {
  commandRequestSchema,
  LIMITS,
  nameSchema,
  sendRequestSchema,
  seqSchema,
  wireError,
  type CommandRequest,
  type Json,
  type SendRequest,
  type WireError,
} from "@holdfast/contract";
import { z } from "zod";
import { packetLengthOf } from "../connect/packet-parser.ts";

export type Checked<T> = { outcome: "valid"; request: T } | { outcome: "refused"; error: WireError };

/**
 * How deep a request may be nested. Schemas, encoders and the workflow all recurse, and any of them might overflow its stack first.
 * An event that is refused as a defect (`internal`) would be sent again for ever.
 */
const MAX_DEPTH = 100;

/** How much of a request is quoted in an error's message: a name may be as long as a packet. */
const QUOTED = 200;

/** Room for the rest of a packet: its brackets, the request's name and its other members. */
const PACKET_ROOM = 4 * 1024;
/** How many times longer escapes make a text at most: `\u0041` for `A`. */
const ESCAPED = 6;

/** A `send` whose events are each within the limits; `sizes`: their encoded bytes. */
export interface MeasuredSend {
  readonly request: SendRequest;
  readonly sizes: readonly number[];
}

/** SPEC req-2: a request as its schema has it, or the error that says where it is wrong. */
export function checkRequest<T>(schema: z.ZodType<T>, raw: unknown): Checked<T> {
  // These requests are small: the longest member is a token.
  const length = packetLengthOf(raw) ?? 0;
  if (length > ESCAPED * LIMITS.eventBytes) return tooLarge(`the request: ${length} characters.`);
  const flaw = flawOf(raw, MAX_DEPTH);
  return flaw === undefined ? parse(schema, raw) : invalid(`The request ${flaw}.`);
}

/** SPEC command-1. What a command brings is kept in the session's history like an event. */
export function checkCommand(raw: unknown): Checked<CommandRequest> {
  const checked = checkRequest(commandRequestSchema, raw);
  if (checked.outcome === "refused" || checked.request.args === undefined) return checked;
  const bytes = Buffer.byteLength(JSON.stringify(checked.request.args));
  return bytes > LIMITS.eventBytes ? tooLarge(`args: over eventBytes (${LIMITS.eventBytes}).`) : checked;
}

/**
 * SPEC send-1. The cheap checks come first: the number of events and their size. `data` is walked once, by `flawOf`: the schema
 * would block the process for a second on a packet full of brackets.
 */
export function checkSend(raw: unknown): Checked<MeasuredSend> {
  const checked = checkEvents(raw);
  return checked.outcome === "refused" ? checked : measure(checked.request);
}

function checkEvents(raw: unknown): Checked<SendRequest> {
  if (!isRecord(raw) || !Array.isArray(raw["events"])) return checkRequest(sendRequestSchema, raw);
  const events: unknown[] = raw["events"];
  if (Object.keys(raw).length > SEND_MEMBERS) return invalid("The request has members that no `send` has.");
  if (events.length > LIMITS.eventsPerSend) return tooLarge(`events: over eventsPerSend (${LIMITS.eventsPerSend}).`);
  if ((packetLengthOf(raw) ?? 0) > ESCAPED * LIMITS.eventBytes * events.length + PACKET_ROOM) {
    return tooLarge(`events: one is over eventBytes (${LIMITS.eventBytes}).`);
  }
  const flaw = flawOf(raw, MAX_DEPTH);
  if (flaw !== undefined) return invalid(`The request ${flaw}.`);
  const checked = parse(sendRequestSchema, { ...raw, events: events.map(withoutData) });
  if (checked.outcome === "refused") return checked;
  const whole = checked.request.events.map((event, index) => withData(event, events[index]));
  return { outcome: "valid", request: { ...checked.request, events: whole } };
}

/** session, producer, after, events, traceparent. */
const SEND_MEMBERS = 5;

function withoutData(event: unknown): unknown {
  return isRecord(event) && Object.hasOwn(event, "data") ? { ...event, data: null } : event;
}

function withData<T extends { data?: Json | undefined }>(event: T, raw: unknown): T {
  if (!isRecord(raw) || !Object.hasOwn(raw, "data")) return event;
  const { data } = raw;
  return isJson(data) ? { ...event, data } : event;
}

function parse<T>(schema: z.ZodType<T>, raw: unknown): Checked<T> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { outcome: "valid", request: parsed.data };
  const issue = parsed.error.issues[0];
  if (issue === undefined) return { outcome: "refused", error: wireError("invalid") };
  const where = issue.path.length === 0 ? "the request" : issue.path.join(".").slice(0, QUOTED);
  const limit = limitOf(issue);
  if (limit !== undefined) return tooLarge(`${where}: over ${limit} (${LIMITS[limit]}).`);
  return invalid(`${where}: ${issue.message.slice(0, QUOTED)}.`);
}

/** The limit of SPEC §11 a schema found something to be over, if it is one that names a size. */
function limitOf(issue: z.core.$ZodIssue): "eventsPerSend" | "inputTextBytes" | undefined {
  if (issue.code !== "too_big" || issue.path[0] !== "events") return undefined;
  if (issue.origin === "array") return "eventsPerSend";
  return issue.origin === "string" ? "inputTextBytes" : undefined;
}

/** Finds what schemas do not refuse: they drop a member called `__proto__`, and accept deep nesting and binary data. */
function flawOf(value: unknown, levels: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) return `is nested deeper than ${MAX_DEPTH} levels`;
  if (ArrayBuffer.isView(value)) return "has binary data in it, and requests are JSON";
  if (Object.hasOwn(value, "__proto__")) return "has a member called __proto__";
  for (const member of Object.values(value)) {
    const flaw = flawOf(member, levels - 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A packet without binary data was decoded from JSON, so all it has is JSON. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}

function invalid(detail: string): { outcome: "refused"; error: WireError } {
  return { outcome: "refused", error: wireError("invalid", detail) };
}

/** The request with each event's encoded bytes, or which event is over a limit of SPEC §11. */
function measure(request: SendRequest): Checked<MeasuredSend> {
  const sizes: number[] = [];
  for (const [index, event] of request.events.entries()) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (size > LIMITS.eventBytes) return tooLarge(`events.${index}: over eventBytes (${LIMITS.eventBytes}).`);
    if (event.kind === "input" && Buffer.byteLength(event.text) > LIMITS.inputTextBytes) {
      return tooLarge(`events.${index}.text: over inputTextBytes (${LIMITS.inputTextBytes}).`);
    }
    sizes.push(size);
  }
  return { outcome: "valid", request: { request, sizes } };
}

function tooLarge(detail: string): { outcome: "refused"; error: WireError } {
  return { outcome: "refused", error: wireError("too_large", detail) };
}

/**
 * The members of a `send` that place it in its producer's order. The rest of the request may be wrong. The place is kept for as long
 * as the connection lives, so it must not be larger than that of a valid request.
 */
const placeSchema = z.object({
  session: z.string(),
  producer: nameSchema,
  after: z.number().int().min(0).optional(),
  events: z.tuple([z.object({ seq: seqSchema })], z.unknown()),
});

export interface SendPlace {
  session: string;
  producer: string;
  after: number;
}

export function sendPlaceOf(raw: unknown): SendPlace | undefined {
  const parsed = placeSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { session, producer, after, events } = parsed.data;
  const before = events[0].seq - 1;
  return { session, producer, after: Math.min(after ?? before, before) };
}
