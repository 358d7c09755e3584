import { z } from "zod";
import { nameSchema } from "./events.ts";
import { jsonSchema } from "./json.ts";
import { partSchema } from "./parts.ts";
import { appliedSchema, snapshotSchema } from "./snapshot.ts";
import {
  finishSchema,
  inputSchema,
  originSchema,
  questionSchema,
  stepNumberSchema,
  turnErrorSchema,
  turnNumberSchema,
  turnOutcomeSchema,
  usageSchema,
} from "./turn.ts";

/** A JSON Pointer to something in the state, never to all of it. */
const pathSchema = z.string().startsWith("/");
/** RFC 6902, the operations a Holdfast patch uses. */
export const patchOperationSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("add"), path: pathSchema, value: jsonSchema }),
  z.object({ op: z.literal("replace"), path: pathSchema, value: jsonSchema }),
  z.object({ op: z.literal("remove"), path: pathSchema }),
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
/** SPEC grow-1: which attempt of which step wrote it, and its place among the turn's growing frames. */
const growing = {
  ...chained,
  turn: turnNumberSchema,
  step: stepNumberSchema,
  attempt: z.number().int().min(1),
  index: z.number().int().min(1),
};
/** SPEC part-1: a place among the parts of a step, counted from 0. */
const at = z.number().int().min(0);
/** SPEC end-1: what of the step a reader must hold to keep its parts; else `parts` has them. */
const covers = {
  attempt: z.number().int().min(0),
  index: z.number().int().min(0),
  parts: z.array(partSchema).optional(),
};

const turnStartedSchema = z.object({
  type: z.literal("turn.started"),
  ...versioned,
  turn: turnNumberSchema,
  agent: z.string(),
  origin: originSchema,
  inputs: z.array(inputSchema),
  applied: appliedSchema,
  replaces: z.array(turnNumberSchema).optional(),
  /** SPEC trace-1. */
  traceparent: z.string().optional(),
});
/** Adds to the part at `at`, or begins it there. */
const deltaSchema = z.object({
  type: z.literal("delta"),
  ...growing,
  at,
  begins: z.enum(["text", "reasoning"]).optional(),
  text: z.string().min(1),
});
/** `part` is what stands at `at`, whether something stood there or not. */
const partFrameSchema = z.object({ type: z.literal("part"), ...growing, at, part: partSchema });
/** The running step's parts so far are void; `parts` is what they are now. */
const rewindSchema = z.object({ type: z.literal("rewind"), ...growing, parts: z.array(partSchema) });
const stepEndedSchema = z.object({
  type: z.literal("step.ended"),
  ...versioned,
  turn: turnNumberSchema,
  step: stepNumberSchema,
  ...covers,
  patch: patchSchema,
});
/** `questions`: all that are open; none: the turn goes on. */
const turnWaitingSchema = z.object({
  type: z.literal("turn.waiting"),
  ...versioned,
  turn: turnNumberSchema,
  questions: z.array(questionSchema),
});
const inputsJoinedSchema = z.object({
  type: z.literal("inputs.joined"),
  ...versioned,
  turn: turnNumberSchema,
  inputs: z.array(inputSchema),
  applied: appliedSchema,
});
const turnEndedSchema = z.object({
  type: z.literal("turn.ended"),
  ...versioned,
  turn: turnNumberSchema,
  outcome: turnOutcomeSchema,
  finish: finishSchema,
  /** The step it ends in; left out where no step began after the last that ended. */
  step: stepNumberSchema.optional(),
  ...covers,
  /** Changes of the agent's state committed with the turn. */
  patch: patchSchema,
  usage: usageSchema.optional(),
  model: z.string().optional(),
  error: turnErrorSchema.optional(),
  /** The subject that interrupted it; left out where an operator ended the session. */
  by: nameSchema.optional(),
});
const statePatchedSchema = z.object({ type: z.literal("state.patched"), ...versioned, patch: patchSchema });
/** SPEC notice-1. */
const noticeSchema = z.object({ type: z.literal("notice"), ...chained, name: nameSchema, data: jsonSchema.optional() });

/** SPEC chain-1: what has a place in the chain. */
const CHAINED_FRAMES = [
  turnStartedSchema,
  deltaSchema,
  partFrameSchema,
  rewindSchema,
  stepEndedSchema,
  turnWaitingSchema,
  inputsJoinedSchema,
  turnEndedSchema,
  statePatchedSchema,
  noticeSchema,
] as const;
export const chainedFrameSchema = z.discriminatedUnion("type", CHAINED_FRAMES);
export type ChainedFrame = z.infer<typeof chainedFrameSchema>;

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
export type FrameOf<T extends Frame["type"]> = Extract<Frame, { type: T }>;

/** Those that add to what the running step made, or take it back. */
export type GrowingFrame = FrameOf<"delta" | "part" | "rewind">;
/** Those that raise the version. */
export type VersionedFrame = FrameOf<
  "turn.started" | "step.ended" | "turn.waiting" | "inputs.joined" | "turn.ended" | "state.patched"
>;

type Unchained<F> = F extends unknown ? Omit<F, "id" | "prev"> : never;
/** A frame before the log has given it a place. */
export type BodyOf<T extends ChainedFrame["type"]> = Unchained<FrameOf<T>>;
