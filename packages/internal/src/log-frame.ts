import { z } from "zod";
import { chainedFrameSchema, cursorSchema, type Cursor } from "@holdfast/contract/frames";
import { appliedSchema } from "@holdfast/contract/snapshot";
import { jsonSchema, type JsonObject } from "@holdfast/contract/json";
import { parseJson } from "./json-text.ts";

/** The log lost something before this frame: only a snapshot helps. Edges replace it by one; clients do not see it. */
const resyncSchema = z.object({ type: z.literal("resync"), id: cursorSchema, prev: cursorSchema });
/** What this release writes into the log. */
const logFrameSchema = z.discriminatedUnion("type", [...chainedFrameSchema.options, resyncSchema]);

type KnownFrame = z.infer<typeof logFrameSchema>;

/** A frame of a type this release does not know (SPEC frame-7, version-4): it has a place in the chain. */
export interface ForeignFrame {
  type: "foreign";
  id: Cursor;
  prev: Cursor;
  /** As it stands in the log, its own type included. */
  whole: JsonObject;
}

/** What stands in the log. Members this release does not know are still there (version-4): all of it is for readers. */
export type LogFrame = KnownFrame | ForeignFrame;

const KNOWN_TYPES: ReadonlySet<string> = new Set(logFrameSchema.options.map((option) => option.shape.type.value));
const placedSchema = z.object({ type: z.string(), id: cursorSchema, prev: cursorSchema });
const chainedSchema = placedSchema.catchall(jsonSchema);

/**
 * One whole frame from the log, of this release or another. Undefined for what is none: without a place in the chain, or of
 * a known type and not of its shape.
 */
export function readLogFrame(raw: unknown): LogFrame | undefined {
  if (isKnown(raw)) return raw;
  const chained = chainedSchema.safeParse(raw);
  if (!chained.success || KNOWN_TYPES.has(chained.data.type)) return undefined;
  const { id, prev } = chained.data;
  return { type: "foreign", id, prev, whole: chained.data };
}

/** Not what the schema makes of it: that would be without the members it does not know. */
function isKnown(raw: unknown): raw is KnownFrame {
  return logFrameSchema.safeParse(raw).success;
}

const placed = { id: cursorSchema, prev: cursorSchema };
const count = z.number().int().min(1);
const versioned = { ...placed, version: count };
const growing = { ...placed, turn: count, step: count, attempt: count, index: count };
/** Of each type the members that say where it belongs: this is all that an edge knows of frames. */
const envelopeSchema = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["turn.started", "inputs.joined"]), ...versioned, turn: count, applied: appliedSchema }),
  z.object({ type: z.literal("step.ended"), ...versioned, turn: count, step: count }),
  z.object({ type: z.enum(["turn.waiting", "turn.ended"]), ...versioned, turn: count }),
  z.object({ type: z.literal("state.patched"), ...versioned }),
  z.object({ type: z.enum(["delta", "part", "rewind"]), ...growing }),
  z.object({ type: z.literal("notice"), ...placed }),
  resyncSchema,
]);

export type FrameEnvelope = z.infer<typeof envelopeSchema> | { type: "foreign"; id: Cursor; prev: Cursor };

/** A frame to be passed on: its text as it stands in the log, and as much of what it says as that takes. */
export type FrameText = FrameEnvelope & { readonly json: string };

/**
 * A frame from its text. Undefined for what is none: no JSON, without a place in the chain, or of a known type and without
 * what places it. The rest is not looked at, so a reader may still find that the frame is not of its shape (SPEC version-3).
 * All of the text is parsed although little of it is used: a text that is no JSON would spoil the packet it is put into.
 */
export function readFrameText(json: string): FrameText | undefined {
  const raw = parseJson(json);
  const known = envelopeSchema.safeParse(raw);
  if (known.success) return { ...known.data, json };
  const { data: foreign } = placedSchema.safeParse(raw);
  if (foreign === undefined || KNOWN_TYPES.has(foreign.type)) return undefined;
  return { type: "foreign", id: foreign.id, prev: foreign.prev, json };
}
