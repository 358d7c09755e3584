import { z } from "zod";
import { chainedFrameSchema, cursorSchema, type Cursor } from "@holdfast/contract/frames";
import { jsonSchema, type JsonObject } from "@holdfast/contract/json";

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
const chainedSchema = z.object({ type: z.string(), id: cursorSchema, prev: cursorSchema }).catchall(jsonSchema);

/**
 * One frame from the log, of this release or another. Undefined for what is none: without a place in the chain, or of a
 * known type and not of its shape. 1–10 µs a frame, most of it the schema's.
 */
export function readLogFrame(raw: unknown): LogFrame | undefined {
  if (isKnown(raw)) return raw;
  const chained = chainedSchema.safeParse(raw);
  if (!chained.success || KNOWN_TYPES.has(chained.data.type)) return undefined;
  const { id, prev } = chained.data;
  return { type: "foreign", id, prev, whole: chained.data };
}

/** The frame as it goes over the wire, and into a log. */
export function encodeLogFrame(frame: LogFrame): string {
  return JSON.stringify(frame.type === "foreign" ? frame.whole : frame);
}

/** Not what the schema makes of it: that would be without the members it does not know. */
function isKnown(raw: unknown): raw is KnownFrame {
  return logFrameSchema.safeParse(raw).success;
}
