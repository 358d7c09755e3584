import { z } from "zod";
import { nameSchema } from "./events.ts";
import { jsonSchema } from "./json.ts";
import {
  appliedSchema,
  finishSchema,
  inputSchema,
  snapshotSchema,
  turnErrorSchema,
  turnNumberSchema,
} from "./snapshot.ts";

/** RFC 6902, the operations a Holdfast patch uses. */
export const patchOperationSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("add"), path: z.string(), value: jsonSchema }),
  z.object({ op: z.literal("replace"), path: z.string(), value: jsonSchema }),
  z.object({ op: z.literal("remove"), path: z.string() }),
]);
export type PatchOperation = z.infer<typeof patchOperationSchema>;
const patchSchema = z.array(patchOperationSchema);

/** A place in a session's log. Opaque: compare for equality only. `"0"` is before the first frame. */
export const cursorSchema = z.string().min(1).max(64);
export type Cursor = z.infer<typeof cursorSchema>;

/** SPEC chain-1: `id` is this frame's cursor, `prev` the cursor of the frame before it. */
const chained = { id: cursorSchema, prev: cursorSchema };
/** SPEC frame-2: the session's version once this frame is applied. */
const versioned = { ...chained, version: z.number().int().min(1) };
/** SPEC frame-4: which attempt wrote a piece of partial output, and its place in the turn's text. */
const fenced = {
  ...chained,
  turn: turnNumberSchema,
  step: z.number().int().min(1),
  attempt: z.number().int().min(1),
  index: z.number().int().min(1),
};

const turnEnded = {
  ...versioned,
  turn: turnNumberSchema,
  text: z.string(),
  finish: finishSchema,
  /** Changes of the agent's state committed with the turn. */
  patch: patchSchema,
};

export const turnStartedSchema = z.object({
  type: z.literal("turn.started"),
  ...versioned,
  turn: turnNumberSchema,
  agent: z.string(),
  inputs: z.array(inputSchema),
  applied: appliedSchema,
});
export const deltaSchema = z.object({ type: z.literal("delta"), ...fenced, text: z.string().min(1) });
/** The turn's partial text so far is void; `text` is what it is now. */
export const rewindSchema = z.object({ type: z.literal("rewind"), ...fenced, text: z.string() });
export const turnCompletedSchema = z.object({ type: z.literal("turn.completed"), ...turnEnded });
export const turnInterruptedSchema = z.object({
  type: z.literal("turn.interrupted"),
  ...turnEnded,
  /** The subject that interrupted it; left out where an operator ended the session. */
  by: nameSchema.optional(),
});
export const turnFailedSchema = z.object({ type: z.literal("turn.failed"), ...turnEnded, error: turnErrorSchema });
export const statePatchedSchema = z.object({ type: z.literal("state.patched"), ...versioned, patch: patchSchema });
/** SPEC §8, all but the snapshot: what has a place in the chain. */
const CHAINED_FRAMES = [
  turnStartedSchema,
  deltaSchema,
  rewindSchema,
  turnCompletedSchema,
  turnInterruptedSchema,
  turnFailedSchema,
  statePatchedSchema,
] as const;
export const chainedFrameSchema = z.discriminatedUnion("type", CHAINED_FRAMES);

/** SPEC snap-1: replaces everything the reader holds; the next frame's `prev` is this `id`. */
export const snapshotFrameSchema = z.object({
  type: z.literal("snapshot"),
  id: cursorSchema,
  snapshot: snapshotSchema,
});
export type SnapshotFrame = z.infer<typeof snapshotFrameSchema>;

/** What a client receives. */
export const frameSchema = z.discriminatedUnion("type", [snapshotFrameSchema, ...CHAINED_FRAMES]);
export type Frame = z.infer<typeof frameSchema>;
export type TurnStartedFrame = z.infer<typeof turnStartedSchema>;
export type DeltaFrame = z.infer<typeof deltaSchema>;
export type RewindFrame = z.infer<typeof rewindSchema>;
export type TurnEndedFrame =
  | z.infer<typeof turnCompletedSchema>
  | z.infer<typeof turnInterruptedSchema>
  | z.infer<typeof turnFailedSchema>;
export type StatePatchedFrame = z.infer<typeof statePatchedSchema>;

type Unchained<F> = F extends unknown ? Omit<F, "id" | "prev"> : never;
/** A versioned frame before the log has given it a place. */
export type VersionedBody = Unchained<TurnStartedFrame | TurnEndedFrame | StatePatchedFrame>;
export type TurnEndedBody = Unchained<TurnEndedFrame>;
export type TurnStartedBody = Unchained<TurnStartedFrame>;
export type StatePatchedBody = Unchained<StatePatchedFrame>;
