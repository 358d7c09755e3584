import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Response } from "express";
import type { Call, CallOutcome } from "./calls.ts";

/** A response exactly as some server sends it; by itself it is for what no directive of a script can say. */
export interface RawReply {
  status?: number;
  headers?: Record<string, string>;
  /** What is written, piece by piece; a number waits for so many milliseconds. */
  pieces?: Iterable<string | number>;
  splitBytes?: boolean;
  /** How it ends: in order (the default), not at all, by a connection that breaks, or the same before all has arrived. */
  end?: "close" | "hang" | "reset" | "cut";
  /** What that makes of the call, where `end` does not say it. */
  outcome?: CallOutcome;
}

/** Chooses the reply to a call; undefined for an answer by script. */
export type RawReplies = (call: Call) => RawReply | undefined;

const OUTCOMES = { close: "finished", hang: "hung", reset: "cut", cut: "cut" } as const;

/** Resolves when this server has done all it will do. */
export async function sendRaw(reply: RawReply, call: Call, response: Response): Promise<void> {
  const { status = 200, headers = {}, end = "close" } = reply;
  call.status = status;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.status(status);
  if (status === 200) response.set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.set(headers);
  // At once: a stalled call must have answered.
  response.flushHeaders();
  response.socket?.setNoDelay(true);
  try {
    await write(reply, response, gone.signal);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    call.outcome = "aborted";
    return;
  }
  call.outcome = reply.outcome ?? OUTCOMES[end];
  if (end === "close") response.end();
  if (end === "cut") response.socket?.destroy();
  // What was written has to arrive before the connection breaks.
  if (end === "reset") response.write("", () => setTimeout(() => response.socket?.resetAndDestroy(), 50));
}

async function write({ pieces = [], splitBytes = false }: RawReply, response: Response, signal: AbortSignal) {
  for (const piece of pieces) {
    if (typeof piece === "number") await sleep(piece, undefined, { signal });
    else {
      const chunks = splitBytes ? [...Buffer.from(piece)].map((byte) => Buffer.of(byte)) : [piece];
      const isTaken = chunks.map((chunk) => response.write(chunk)).every(Boolean);
      if (!isTaken) await once(response, "drain", { signal });
    }
    signal.throwIfAborted();
  }
}

/** Pieces of a completion's stream. */
export function event(object: unknown): string {
  return `data: ${JSON.stringify(object)}\n\n`;
}
export function choice(delta: unknown, finish: unknown = null): string {
  return event({ id: "raw", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
}
export function text(content: string): string {
  return choice({ content });
}
export function reasoning(content: string): string {
  return choice({ reasoning_content: content });
}
export function finish(reason: unknown): string {
  return choice({}, reason);
}
export const usage = event({ id: "raw", choices: [], usage: { prompt_tokens: 3, completion_tokens: 7 } });
export const done = "data: [DONE]\n\n";

export function stream(...pieces: (string | number)[]): RawReply {
  return { pieces };
}

/** An answer as it should be. */
export function whole(content: string): RawReply {
  return stream(text(content), finish("stop"), usage, done);
}
