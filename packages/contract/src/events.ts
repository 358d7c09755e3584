import { z } from "zod";
import { NAME_PATTERN } from "./ids.ts";
import { jsonSchema } from "./json.ts";
import { LIMITS } from "./limits.ts";

export const seqSchema = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
export const nameSchema = z.string().regex(NAME_PATTERN);

/** SPEC send-2: an `input` starts a turn. */
export const inputEventSchema = z.strictObject({
  seq: seqSchema,
  kind: z.literal("input"),
  /** The client's own name for it; frames and snapshots give it back. */
  id: nameSchema.optional(),
  text: z.string().min(1).max(LIMITS.inputTextBytes),
  data: jsonSchema.optional(),
});

/** SPEC send-3: an `observe` is a small fact; it changes what the agent knows and starts nothing. */
export const observeEventSchema = z.strictObject({
  seq: seqSchema,
  kind: z.literal("observe"),
  name: nameSchema,
  data: jsonSchema.optional(),
});

export const eventSchema = z.discriminatedUnion("kind", [inputEventSchema, observeEventSchema]);
export type InputEvent = z.infer<typeof inputEventSchema>;
export type ObserveEvent = z.infer<typeof observeEventSchema>;
export type Event = z.infer<typeof eventSchema>;
