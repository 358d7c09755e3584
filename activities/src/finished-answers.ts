import { createHash } from "node:crypto";
import { finishSchema, type SessionKey, sessionPath } from "@holdfast/contract";
import { type RespondResult } from "@holdfast/internal";
import type { Fence } from "@holdfast/session-log";
import type { Cluster, Redis } from "ioredis";
import { z } from "zod";

/** Longer than an engine is away without anybody seeing to it. */
const KEPT_SECONDS = 3_600;

/** How an answer ended; its text is what readers hold. */
export type FinishedAnswer = Pick<RespondResult, "finish" | "usage">;

const noteSchema = z.object({
  step: z.string(),
  digest: z.string(),
  answer: z.object({
    finish: finishSchema.exclude(["error"]),
    usage: z
      .object({ inputTokens: z.number().exactOptional(), outputTokens: z.number().exactOptional() })
      .exactOptional(),
  }),
});
type Note = z.infer<typeof noteSchema>;

/**
 * Answers that were whole before Temporal heard of them: it was away, or the worker died in between. Then the next attempt finds
 * the whole text with the readers, and by this note it knows that nothing is missing, and need not ask the model again. One note a
 * session, in Redis, which may lose it: then the model is asked.
 */
export class FinishedAnswers {
  readonly #redis: Redis | Cluster | undefined;

  constructor(redis?: Redis | Cluster) {
    this.#redis = redis;
  }

  /** Nobody waits for it. */
  note(key: SessionKey, fence: Fence, text: string, { finish, usage }: FinishedAnswer): void {
    const answer = usage === undefined ? { finish } : { finish, usage };
    const note: Note = { step: stepOf(fence), digest: digestOf(text), answer };
    this.#redis?.set(nameOf(key), JSON.stringify(note), "EX", KEPT_SECONDS).catch(() => {});
  }

  /** How the step's answer ended, if this text is all of it. Undefined also where Redis cannot say. */
  async find(key: SessionKey, fence: Fence, text: string): Promise<FinishedAnswer | undefined> {
    try {
      const found = await this.#redis?.get(nameOf(key));
      if (typeof found !== "string") return undefined;
      const note = noteSchema.parse(JSON.parse(found));
      if (note.step !== stepOf(fence) || note.digest !== digestOf(text)) return undefined;
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

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
