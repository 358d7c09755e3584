import { z } from "zod";
import { jsonSchema } from "./json.ts";

/**
 * SPEC part-3: what became of a tool call. `writing`: the model is still writing its input. `unknown`: its worker was lost and
 * nobody can tell whether it ran.
 */
export const toolStateSchema = z.enum([
  "writing",
  "ready",
  "asking",
  "approved",
  "denied",
  "running",
  "done",
  "failed",
  "stopped",
  "unknown",
]);
export type ToolState = z.infer<typeof toolStateSchema>;

/** Something that lies in the blob store. `bytes`: its size. */
export const fileSchema = z.object({
  blob: z.string(),
  mediaType: z.string(),
  name: z.string(),
  bytes: z.number().int().min(0),
});
export type File = z.infer<typeof fileSchema>;

const textPartSchema = z.object({ type: z.literal("text"), text: z.string() });
const reasoningPartSchema = z.object({ type: z.literal("reasoning"), text: z.string() });
const toolPartSchema = z.object({
  type: z.literal("tool"),
  /** Names the call: the same on every attempt of its step. */
  call: z.string(),
  name: z.string(),
  state: toolStateSchema,
  /** The input as the model wrote it so far: JSON text, while `state` is `writing`. */
  inputText: z.string().optional(),
  input: jsonSchema.optional(),
  output: jsonSchema.optional(),
  /** Of an output that lies in the blob store: its beginning. */
  preview: z.string().optional(),
  blob: z.string().optional(),
  error: z.string().optional(),
  progress: jsonSchema.optional(),
  /** Id of the question that was asked for it. */
  question: z.string().optional(),
  /** The subject that answered the question. */
  by: z.string().optional(),
});
/** With `id`, a later one of the same name and id stands for the same thing. */
const dataPartSchema = z.object({
  type: z.literal("data"),
  name: z.string(),
  id: z.string().optional(),
  value: jsonSchema,
});
const sourcePartSchema = z.object({
  type: z.literal("source"),
  url: z.string().optional(),
  title: z.string().optional(),
});
const filePartSchema = z.object({ type: z.literal("file"), ...fileSchema.shape });
/** A session of its own that works for this one. */
const childPartSchema = z.object({
  type: z.literal("child"),
  session: z.string(),
  agent: z.string(),
  state: z.enum(["running", "done", "failed", "stopped"]),
  text: z.string(),
});

/** SPEC part-2: a piece of what a step made. */
export const partSchema = z.discriminatedUnion("type", [
  textPartSchema,
  reasoningPartSchema,
  toolPartSchema,
  dataPartSchema,
  sourcePartSchema,
  filePartSchema,
  childPartSchema,
]);
export type Part = z.infer<typeof partSchema>;
export type TextPart = z.infer<typeof textPartSchema>;
export type ReasoningPart = z.infer<typeof reasoningPartSchema>;
export type ToolPart = z.infer<typeof toolPartSchema>;
export type DataPart = z.infer<typeof dataPartSchema>;

/** The text of these parts that is an answer: neither reasoning nor what tools said. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** How much of LIMITS a part takes: UTF-16 code units of its text, or of its encoding where it is no text. */
export function partLength(part: Part): number {
  return part.type === "text" || part.type === "reasoning" ? part.text.length : JSON.stringify(part).length;
}

/**
 * SPEC part-4: the part with `text` added, or undefined where it does not grow: a text, a reasoning, or a tool call whose input
 * is being written.
 */
export function grownPart(part: Part, text: string): Part | undefined {
  if (part.type === "text" || part.type === "reasoning") return { ...part, text: part.text + text };
  if (part.type !== "tool" || part.state !== "writing") return undefined;
  return { ...part, inputText: (part.inputText ?? "") + text };
}

/** SPEC snap-5: what is left of a part in a turn that is no longer among the newest. The same object where that is all of it. */
export function shrunkPart(part: Part): Part {
  switch (part.type) {
    case "tool": {
      const { type, call, name, state, blob } = part;
      const isShrunk = Object.keys(part).every((member) => ["type", "call", "name", "state", "blob"].includes(member));
      return isShrunk ? part : { type, call, name, state, ...(blob !== undefined && { blob }) };
    }
    case "reasoning":
      return part.text === "" ? part : { type: part.type, text: "" };
    case "data":
      return part.value === null ? part : { ...part, value: null };
    case "child":
      return part.text === "" ? part : { ...part, text: "" };
    case "text":
    case "source":
    case "file":
      return part;
  }
}
