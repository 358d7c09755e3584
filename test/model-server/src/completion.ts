import { setTimeout as sleep } from "node:timers/promises";
import type { Response } from "express";
import { answerTokens, splitSurrogatePairs, tokensAfter } from "./answer.ts";
import type { Call } from "./call-log.ts";
import { EventStream } from "./event-stream.ts";
import { lastUserMessage, prefixOf, type ChatRequest } from "./request.ts";
import type { Fault, Script, StreamFault } from "./script.ts";

/** One call with everything that decides how it is answered. */
export interface Exchange {
  request: ChatRequest;
  script: Script;
  fault: Fault | undefined;
  call: Call;
  response: Response;
}

/** Answers one call by its script. Resolves when this server has done all it will do. */
export async function complete(exchange: Exchange): Promise<void> {
  const { fault, call } = exchange;
  switch (fault?.kind) {
    case "status":
      return refuse(exchange, fault.status);
    case "hang":
      call.outcome = "hung";
      return;
    default:
      call.status = 200;
      if (exchange.request.stream === true) await answerInPieces(exchange);
      else answerWhole(exchange);
  }
}

function refuse({ script, call, response }: Exchange, status: number): void {
  call.outcome = "refused";
  call.status = status;
  const after = script.retryAfter;
  if (after !== undefined) {
    const date = new Date(Date.now() + after.seconds * 1_000).toUTCString();
    response.set("Retry-After", after.asDate ? date : String(after.seconds));
  }
  const type = status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  response.status(status).json({ error: { message: `scripted ${status}`, type, code: null, param: null } });
}

function answerWhole({ request, script, fault, call, response }: Exchange): void {
  const tokens = tokensOf({ request, script, fault, call });
  call.outcome = "finished";
  call.tokensSent = tokens.length;
  call.text = tokens.join("");
  response.json({
    id: `call-${call.number}`,
    object: "chat.completion",
    created: 0,
    model: request.model,
    choices: [{ index: 0, message: { role: "assistant", content: tokens.join("") }, finish_reason: "stop" }],
    usage: usageOf(request, tokens),
  });
}

async function answerInPieces(exchange: Exchange): Promise<void> {
  const { request, script, call, response } = exchange;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const stream = new EventStream(response, `call-${call.number}`, request.model, script.splitBytes);
  stream.open();
  try {
    await sendTokens(exchange, stream, gone.signal);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    if (call.outcome === "running") call.outcome = "aborted";
  }
}

async function sendTokens({ request, script, fault, call }: Exchange, stream: EventStream, gone: AbortSignal) {
  const tokens = tokensOf({ request, script, fault, call });
  const wanting = fault !== undefined && "after" in fault ? fault : undefined;
  if (script.firstDelayMs > 0) await sleep(script.firstDelayMs, undefined, { signal: gone });
  for (const [index, token] of tokens.entries()) {
    if (wanting?.after === index && befall(wanting, stream, call) === "over") return;
    if (index > 0 && script.delayMs > 0) await sleep(script.delayMs, undefined, { signal: gone });
    call.text += token;
    await stream.delta(token);
    call.tokensSent++;
    gone.throwIfAborted();
  }
  if (wanting !== undefined && wanting.after >= tokens.length && befall(wanting, stream, call) === "over") return;
  if (fault?.kind !== "nofinish") await stream.finish();
  if (request.stream_options?.include_usage === true) await stream.usage(usageOf(request, tokens));
  await stream.done();
  call.outcome = "finished";
}

function befall(fault: StreamFault, stream: EventStream, call: Call): "over" | "goes on" {
  switch (fault.kind) {
    case "stall":
      call.outcome = "stalled";
      return "over";
    case "cut":
      call.outcome = "cut";
      stream.cut();
      return "over";
    case "error":
      call.outcome = "failed";
      stream.error();
      return "over";
    case "malformed":
      stream.malformed();
      return "goes on";
  }
}

function tokensOf({ request, script, fault, call }: Omit<Exchange, "response">): string[] {
  if (fault?.kind === "empty") return [];
  const tokens = tokensAfter(answerTokens(lastUserMessage(request), script, call.ordinal), prefixOf(request));
  return script.splitPairs ? splitSurrogatePairs(tokens) : tokens;
}

/** One token per message stands for the prompt; nobody reads it for its truth. */
function usageOf(request: ChatRequest, tokens: string[]): Record<string, number> {
  const [prompt, completion] = [request.messages.length, tokens.length];
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
