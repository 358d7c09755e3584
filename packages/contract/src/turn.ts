import { z } from "zod";
import { nameSchema, seqSchema } from "./events.ts";
import { jsonSchema } from "./json.ts";
import { textOfParts } from "./bounds.ts";
import { fileSchema, partSchema } from "./parts.ts";

/** SPEC turn-6: what made an input: a person's client, or something that acts for the session. */
export const originSchema = z.enum(["user", "backend", "schedule", "webhook", "child", "observe"]);
export type Origin = z.infer<typeof originSchema>;

export const turnNumberSchema = z.number().int().min(1);
export const stepNumberSchema = z.number().int().min(1);

/** SPEC send-8: one input as a turn took it. `by`: the subject whose token sent it, as the edge vouches. */
export const inputSchema = z.object({
  by: nameSchema,
  producer: nameSchema,
  seq: seqSchema,
  origin: originSchema,
  /** Unix milliseconds at the edge that took it. */
  at: z.number().int().min(0),
  /** Of an input that joined a running turn: the first step that knows it. */
  step: stepNumberSchema.optional(),
  /** The client's own name for it. */
  id: nameSchema.optional(),
  text: z.string(),
  data: jsonSchema.optional(),
  files: z.array(fileSchema).optional(),
});
export type Input = z.infer<typeof inputSchema>;

/** One call of a model or a tool, and what it made. `attempt`: the try that counts; 0 where nobody knows. */
export const stepSchema = z.object({
  step: stepNumberSchema,
  attempt: z.number().int().min(0),
  parts: z.array(partSchema),
});
export type Step = z.infer<typeof stepSchema>;

/** Its code is one of `TURN_ERROR_CODES`, or one that a later release added. */
export const turnErrorSchema = z.object({ code: z.string(), message: z.string() });
export type TurnError = z.infer<typeof turnErrorSchema>;

export const turnOutcomeSchema = z.enum(["completed", "interrupted", "failed"]);
export type TurnOutcome = z.infer<typeof turnOutcomeSchema>;

/**
 * SPEC frame-3, why a turn's answer ends where it does. `stop`: the model had said all it wanted. `length`: its limit of tokens cut it.
 * `filtered`: the provider's content filter did. `limit`: a turn may hold no more. `interrupted`: somebody stopped it. `error`: the
 * model failed, and the parts are what it had made until then.
 */
export const finishSchema = z.enum(["stop", "length", "filtered", "limit", "interrupted", "error"]);
export type Finish = z.infer<typeof finishSchema>;

/** Tokens that the models of a turn took and made, as far as their servers say. */
export const usageSchema = z.object({
  inputTokens: z.number().int().min(0).optional(),
  outputTokens: z.number().int().min(0).optional(),
});
export type Usage = z.infer<typeof usageSchema>;

/** SPEC turn-7: something a turn waits for a person to decide. */
export const questionSchema = z.object({
  id: nameSchema,
  title: z.string(),
  details: jsonSchema.optional(),
  /** Who may answer. */
  of: z.union([z.enum(["owner", "operators"]), z.object({ subject: nameSchema }), z.object({ role: z.string() })]),
  /** The tool call it is about. */
  call: z.string().optional(),
  /** Unix milliseconds at which it is decided without an answer. */
  until: z.number().int().optional(),
});
export type Question = z.infer<typeof questionSchema>;

/** What `turn.started` says of a turn, besides its number. */
const begun = {
  turn: turnNumberSchema,
  origin: originSchema,
  inputs: z.array(inputSchema),
  /** Numbers of earlier turns that this one stands for. */
  replaces: z.array(turnNumberSchema).optional(),
};

/** A turn with its outcome, as the workflow committed it. Turns are numbered 1, 2, 3 … within a session. */
export const turnSchema = z.object({
  ...begun,
  steps: z.array(stepSchema),
  outcome: turnOutcomeSchema,
  finish: finishSchema,
  usage: usageSchema.optional(),
  /** Name of the model that answered last. */
  model: z.string().optional(),
  error: turnErrorSchema.optional(),
  /** The subject that interrupted it. */
  by: nameSchema.optional(),
});
export type Turn = z.infer<typeof turnSchema>;

/**
 * The turn under way. `steps` have ended; `step`, `attempt` and `parts` are of the one that runs, or comes next. `index` counts
 * the turn's growing frames (`delta`, `part`, `rewind`) over all steps; 0 means none yet.
 */
export const runningTurnSchema = z.object({
  ...begun,
  steps: z.array(stepSchema),
  step: stepNumberSchema,
  attempt: z.number().int().min(1),
  index: z.number().int().min(0),
  parts: z.array(partSchema),
  questions: z.array(questionSchema),
});
export type RunningTurn = z.infer<typeof runningTurnSchema>;

/** The text of a turn's answer, over all of its steps. */
export function textOf(turn: Turn | RunningTurn): string {
  return partsOf(turn)
    .map((parts) => textOfParts(parts))
    .join("");
}

/** The parts of each step, those of the running one last. */
export function partsOf(turn: Turn | RunningTurn): (readonly z.infer<typeof partSchema>[])[] {
  const ended = turn.steps.map(({ parts }) => parts);
  return "parts" in turn ? [...ended, turn.parts] : ended;
}
