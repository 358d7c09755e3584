import {
  LIMITS,
  nameSchema,
  seqSchema,
  wireError,
  type CommandRequest,
  type SendRequest,
  type WireError,
} from "@holdfast/contract";
import { z } from "zod";

export type Checked<T> = { outcome: "valid"; request: T } | { outcome: "refused"; error: WireError };

/**
 * Levels a request may be nested: schemas, encoders and the workflow all recurse, and where the first of them overflows
 * its stack nobody could say. An event refused as a defect would be sent again for ever.
 */
const MAX_DEPTH = 100;

/** SPEC req-2: a request as its schema has it, or the error that says where it is wrong. */
export function checkRequest<T>(schema: z.ZodType<T>, raw: unknown): Checked<T> {
  const flaw = flawOf(raw, MAX_DEPTH);
  if (flaw !== undefined) return { outcome: "refused", error: wireError("invalid", `The request ${flaw}.`) };
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { outcome: "valid", request: parsed.data };
  const issue = parsed.error.issues[0];
  if (issue === undefined) return { outcome: "refused", error: wireError("invalid") };
  const where = issue.path.length === 0 ? "the request" : issue.path.join(".");
  const limit = limitOf(issue);
  if (limit !== undefined) return tooLarge(`${where}: over ${limit} (${LIMITS[limit]}).`);
  return { outcome: "refused", error: wireError("invalid", `${where}: ${issue.message}.`) };
}

/** The limit of SPEC §11 a schema found something to be over, if it is one that names a size. */
function limitOf(issue: z.core.$ZodIssue): "eventsPerSend" | "inputTextBytes" | undefined {
  if (issue.code !== "too_big" || issue.path[0] !== "events") return undefined;
  if (issue.origin === "array") return "eventsPerSend";
  return issue.origin === "string" ? "inputTextBytes" : undefined;
}

/** What schemas do not see, or not in time: they leave members called `__proto__` out, and would take the rest. */
function flawOf(value: unknown, levels: number): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) return `is nested deeper than ${MAX_DEPTH} levels`;
  if (Object.hasOwn(value, "__proto__")) return "has a member called __proto__";
  for (const member of Object.values(value)) {
    const flaw = flawOf(member, levels - 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/** Each event's encoded bytes, or which is over a limit of SPEC §11. */
export function measureEvents(events: SendRequest["events"]): Checked<number[]> {
  const sizes: number[] = [];
  for (const [index, event] of events.entries()) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (size > LIMITS.eventBytes) return tooLarge(`events.${index}: over eventBytes (${LIMITS.eventBytes}).`);
    if (event.kind === "input" && Buffer.byteLength(event.text) > LIMITS.inputTextBytes) {
      return tooLarge(`events.${index}.text: over inputTextBytes (${LIMITS.inputTextBytes}).`);
    }
    sizes.push(size);
  }
  return { outcome: "valid", request: sizes };
}

/** What a command brings is kept in the session's history like an event. */
export function measureArgs(args: CommandRequest["args"]): WireError | undefined {
  if (args === undefined || Buffer.byteLength(JSON.stringify(args)) <= LIMITS.eventBytes) return undefined;
  return tooLarge(`args: over eventBytes (${LIMITS.eventBytes}).`).error;
}

function tooLarge(detail: string): { outcome: "refused"; error: WireError } {
  return { outcome: "refused", error: wireError("too_large", detail) };
}

/**
 * What of a `send` places it in its producer's order, read from a request that may be wrong in all else. It is kept for as
 * long as the connection lives, so it is no more than a valid request could have made it.
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
