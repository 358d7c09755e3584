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
import { packetLengthOf } from "./inflow.ts";

export type Checked<T> = { outcome: "valid"; request: T } | { outcome: "refused"; error: WireError };

/**
 * Levels a request may be nested. Schemas, encoders and the workflow all recurse, and the first stack to overflow would make
 * the request a defect (`internal`), which clients send again for ever.
 */
const MAX_DEPTH = 100;

/** Characters that an error quotes of a request, in which a name may be as long as a packet. */
const QUOTED = 200;

/** Room for what a packet has besides its events. */
const PACKET_ROOM = 4 * 1024;
/** An encoder may write `\u0041` for `A`: six characters for one. */
const ESCAPED = 6;

/** A `send` whose events are each within the limits; `sizes`: their encoded bytes. */
export interface MeasuredSend {
  readonly request: SendRequest;
  readonly sizes: readonly number[];
}

/** SPEC req-2: a request as its schema has it, or the error that says where it is wrong. */
export function checkRequest<T>(schema: z.ZodType<T>, raw: unknown): Checked<T> {
  // No request but `send` needs more than a token or a command's `args`.
  const length = packetLengthOf(raw) ?? 0;
  if (length > ESCAPED * LIMITS.eventBytes) return tooLarge(`the request: ${length} characters.`);
  const flaw = flawOf(raw, MAX_DEPTH);
  return flaw === undefined ? parse(schema, raw) : invalid(`The request ${flaw}.`);
}

/** SPEC command-1. A command's `args` are kept in the session's history, so they have an event's limit. */
export function checkCommand(raw: unknown): Checked<CommandRequest> {
  const checked = checkRequest(commandRequestSchema, raw);
  if (checked.outcome === "refused" || checked.request.args === undefined) return checked;
  const bytes = Buffer.byteLength(JSON.stringify(checked.request.args));
  return bytes > LIMITS.eventBytes ? tooLarge(`args: over eventBytes (${LIMITS.eventBytes}).`) : checked;
}

/**
 * SPEC send-1. Cheap checks come first: how many events there are, and how long their packet is. An event's `data` is walked
 * once, by `flawOf`. The schema would need a second for a packet full of brackets, in which nobody else is served.
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

/** They are session, producer, after and events. */
const SEND_MEMBERS = 4;

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

/** The size limit of SPEC §11 that a schema's issue is about; undefined for any other issue. */
function limitOf(issue: z.core.$ZodIssue): "eventsPerSend" | "inputTextBytes" | undefined {
  if (issue.code !== "too_big" || issue.path[0] !== "events") return undefined;
  if (issue.origin === "array") return "eventsPerSend";
  return issue.origin === "string" ? "inputTextBytes" : undefined;
}

/** Flaws that schemas do not find: they leave members called `__proto__` out, take binary data, and recurse without bound. */
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

/** Only a type guard: `flawOf` has found no binary data, so the value was decoded from JSON. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}

function invalid(detail: string): { outcome: "refused"; error: WireError } {
  return { outcome: "refused", error: wireError("invalid", detail) };
}

/** Adds each event's encoded bytes, or says which event exceeds a limit of SPEC §11. */
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
 * The members that place a `send` in its producer's order. They are read from a request that may be wrong in all else, and kept
 * as long as the connection lives; so they must be valid themselves, or a client could make them as large as it likes.
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

export function placeOf(raw: unknown): SendPlace | undefined {
  const parsed = placeSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { session, producer, after, events } = parsed.data;
  const before = events[0].seq - 1;
  return { session, producer, after: Math.min(after ?? before, before) };
}
