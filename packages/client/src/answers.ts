import { jsonSchema, type Json, type WireError } from "@holdfast/contract";
import { z } from "zod";
import { receivedErrorSchema } from "./errors.ts";

/**
 * The acks of the contract with one difference: an error code this client does not know is taken as `internal`
 * (see `receivedErrorSchema`) instead of making the whole ack unreadable.
 */
function answerSchema<S extends z.ZodRawShape>(shape: S) {
  return z.discriminatedUnion("ok", [
    z.object({ ok: z.literal(true), ...shape }),
    z.object({ ok: z.literal(false), error: receivedErrorSchema }),
  ]);
}

export const openAnswerSchema = answerSchema({ resumed: z.boolean() });
export const sendAnswerSchema = answerSchema({ durable: z.number() });
export const commandAnswerSchema = answerSchema({ result: jsonSchema });
export const plainAnswerSchema = answerSchema({});

type Failed = { ok: false; error: WireError };
export type OpenAnswer = { ok: true; resumed: boolean } | Failed;
export type SendAnswer = { ok: true; durable: number } | Failed;
export type CommandAnswer = { ok: true; result: Json } | Failed;
export type PlainAnswer = { ok: true } | Failed;

/**
 * What became of a request. `timeout`: no answer in time, the connection lives. `lost`: the connection ended first.
 * In both cases the request may or may not have been carried out, and may be repeated (SPEC req-3).
 */
export type Reply<Answer> = { outcome: "answered"; answer: Answer } | { outcome: "timeout" } | { outcome: "lost" };
