import { z } from "zod";
import { nameSchema, seqSchema } from "./events.ts";
import { MARK_PATTERN } from "./ids.ts";
import { jsonObjectSchema, jsonSchema } from "./json.ts";

/** One `input` as a turn took it: the event, the producer that numbered it, and the subject whose producer it is. */
export const inputSchema = z.object({
  by: nameSchema,
  producer: nameSchema,
  seq: seqSchema,
  text: z.string(),
  data: jsonSchema.optional(),
});
export type Input = z.infer<typeof inputSchema>;

export const turnErrorSchema = z.object({ code: z.string(), message: z.string() });
/** Why a turn failed. Codes: SPEC turn-5. */
export type TurnError = z.infer<typeof turnErrorSchema>;

export const turnNumberSchema = z.number().int().min(1);
export const turnOutcomeSchema = z.enum(["completed", "interrupted", "failed"]);
export type TurnOutcome = z.infer<typeof turnOutcomeSchema>;

/**
 * Why a turn's text ends where it does: `stop`: the model had said all it wanted; `length`: its limit of tokens cut it;
 * `filtered`: the provider's content filter did; `limit`: it reached what a turn may hold; `interrupted`: somebody stopped
 * it; `error`: the turn failed, and the text is what had been said until then.
 */
export const finishSchema = z.enum(["stop", "length", "filtered", "limit", "interrupted", "error"]);
export type Finish = z.infer<typeof finishSchema>;

/** A turn with its outcome, as the workflow committed it. Turns are numbered 1, 2, 3 … within a session. */
export const turnSchema = z.object({
  turn: turnNumberSchema,
  inputs: z.array(inputSchema),
  outcome: turnOutcomeSchema,
  text: z.string(),
  finish: finishSchema,
  error: turnErrorSchema.optional(),
  /** The subject that interrupted it. */
  by: nameSchema.optional(),
});
export type Turn = z.infer<typeof turnSchema>;

/**
 * The turn under way. `text` is partial output; `index` counts the text frames (`delta`, `rewind`) it is made of,
 * from 1, across steps and attempts; 0 means none yet.
 */
export const runningTurnSchema = z.object({
  turn: turnNumberSchema,
  inputs: z.array(inputSchema),
  step: z.number().int().min(1),
  attempt: z.number().int().min(1),
  index: z.number().int().min(0),
  text: z.string(),
});
export type RunningTurn = z.infer<typeof runningTurnSchema>;

/** For each `subject/producer` (`markOf`), the highest seq of an input that a turn has taken. */
export const appliedSchema = z.record(z.string().regex(MARK_PATTERN), seqSchema);
export type Applied = z.infer<typeof appliedSchema>;

/** The whole of a session at one version. Version 0 is a session nobody has sent anything to. */
export const snapshotSchema = z.object({
  version: z.number().int().min(0),
  agent: z.string(),
  state: jsonObjectSchema,
  turns: z.array(turnSchema),
  running: runningTurnSchema.nullable(),
  applied: appliedSchema,
});
export type Snapshot = z.infer<typeof snapshotSchema>;

export function emptySnapshot(agent: string): Snapshot {
  return { version: 0, agent, state: {}, turns: [], running: null, applied: {} };
}
