import { createHash } from "node:crypto";
import { finishSchema, type Part, type SessionKey, sessionPath, usageSchema } from "@holdfast/contract";
import type { StepResult } from "@holdfast/internal";
import type { Fence } from "@holdfast/session-log";
import type { Cluster, Redis } from "ioredis";
import { z } from "zod";

/** Longer than an engine is away without anybody seeing to it. */
const KEPT_SECONDS = 3_600;

/** How an answer ended; its parts are what readers hold. */
export type FinishedAnswer = Pick<StepResult, "finish" | "usage">;

const noteSchema = z.object({
  step: z.string(),
  digest: z.string(),
  answer: z.object({
    finish: finishSchema.exclude(["error"]),
    usage: usageSchema.exactOptional(),
  }),
});
type Note = z.infer<typeof noteSchema>;

/**
 * Answers that were whole before Temporal heard of them: it was away, or the worker died in between. Then the next attempt finds
 * all of its parts with the readers, and by this note it knows that nothing is missing, and need not ask the model again. One note a
 * session, in Redis, which may lose it: then the model is asked.
 */
export class FinishedAnswers {
  readonly #redis: Redis | Cluster | undefined;

  constructor(redis?: Redis | Cluster) {
    this.#redis = redis;
  }

  /** Nobody waits for it. */
  note(key: SessionKey, fence: Fence, parts: readonly Part[], { finish, usage }: FinishedAnswer): void {
    const answer = usage === undefined ? { finish } : { finish, usage };
    const note: Note = { step: stepOf(fence), digest: digestOf(parts), answer };
    this.#redis?.set(nameOf(key), JSON.stringify(note), "EX", KEPT_SECONDS).catch(() => {});
  }

  /** How the step's answer ended, if these parts are all of it. Undefined also where Redis cannot say. */
  async find(key: SessionKey, fence: Fence, parts: readonly Part[]): Promise<FinishedAnswer | undefined> {
    try {
      const found = await this.#redis?.get(nameOf(key));
      if (typeof found !== "string") return undefined;
      const note = noteSchema.parse(JSON.parse(found));
      if (note.step !== stepOf(fence) || note.digest !== digestOf(parts)) return undefined;
      return note.answer;
    } catch {
      return undefined;
    }
  }
}

function nameOf(key: SessionKey): string {
  return `hf:answer:${sessionPath(key)}`;
}

/** Whichever attempt it was. */
function stepOf({ epoch, turn, step }: Fence): string {
  return `${epoch}/${turn}/${step}`;
}

/** Of the parts as JSON with sorted members: a log may give them back in another order. */
function digestOf(parts: readonly Part[]): string {
  const json = JSON.stringify(parts, (_name, value: unknown) => (isObject(value) ? sorted(value) : value));
  return createHash("sha256").update(json).digest("base64");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
