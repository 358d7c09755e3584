import type { Response } from "express";
import { type Token, tokensAfter } from "./answer.ts";
import type { Call } from "./calls.ts";
import { done, event, type RawReply, sendRaw } from "./reply.ts";
import { lastUserMessage, type ChatRequest } from "./request.ts";
import type { Fault, Script } from "./script.ts";

/** One call with everything that decides how it is answered. */
export interface Exchange {
  request: ChatRequest;
  script: Script;
  fault: Fault | undefined;
  call: Call;
}

/** Answers one call by its script. Resolves when this server has done all it will do. */
export async function complete(exchange: Exchange, response: Response): Promise<void> {
  const { request, script, fault, call } = exchange;
  if (fault?.kind === "status") return refuse(exchange, fault.status, response);
  if (fault?.kind === "hang") {
    call.outcome = "hung";
    return;
  }
  const tokens =
    fault?.kind === "empty" ? [] : tokensAfter(call.prefix, lastUserMessage(request), script, call.ordinal);
  if (request.stream !== true) return answerWhole(exchange, tokens, response);
  const { splitBytes } = script;
  await sendRaw({ ...endingBy(fault), pieces: piecesOf(exchange, tokens), splitBytes }, call, response);
}

function refuse({ script, call }: Exchange, status: number, response: Response): void {
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

function answerWhole({ request, call }: Exchange, tokens: Token[], response: Response): void {
  const said = (kind: Token["kind"]): string => tokens.map((token) => (token.kind === kind ? token.text : "")).join("");
  const [content, reasoning_content] = [said("text"), said("reasoning")];
  const message = { role: "assistant", content, ...(reasoning_content !== "" && { reasoning_content }) };
  Object.assign(call, { status: 200, outcome: "finished", tokensSent: tokens.length, text: content });
  response.json({
    ...headOf(call, "chat.completion"),
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage: usageOf(request, tokens),
  });
}

function endingBy(fault: Fault | undefined): RawReply {
  switch (fault?.kind) {
    case "stall":
      return { end: "hang", outcome: "stalled" };
    case "cut":
      return { end: "cut" };
    case "error":
      return { outcome: "failed" };
    default:
      return {};
  }
}

/** The stream of a completion, written down in its call as it goes. */
function* piecesOf({ request, script, fault, call }: Exchange, tokens: Token[]): Generator<string | number> {
  const chunk = (choices: object[], more: object = {}): string =>
    event({ ...headOf(call, "chat.completion.chunk"), choices, ...more });
  const faultAt = fault !== undefined && "after" in fault ? Math.min(fault.after, tokens.length) : undefined;
  if (script.firstDelayMs > 0) yield script.firstDelayMs;
  for (let index = 0; index <= tokens.length; index++) {
    if (index === faultAt) {
      // A chunk that ends in the middle of its JSON.
      if (fault?.kind === "malformed")
        yield `data: {"id":"call-${call.number}","choices":[{"index":0,"delta":{"content":"lost\n\n`;
      else if (fault?.kind !== "error") return;
      else return yield event({ error: { message: "scripted error", type: "server_error", code: null, param: null } });
    }
    const token = tokens[index];
    if (token === undefined) break;
    if (index > 0 && script.delayMs > 0) yield script.delayMs;
    if (token.kind === "text") call.text += token.text;
    const name = token.kind === "text" ? "content" : "reasoning_content";
    yield chunk([{ index: 0, delta: { role: "assistant", [name]: token.text }, finish_reason: null }]);
    call.tokensSent++;
  }
  if (fault?.kind !== "nofinish") yield chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);
  if (request.stream_options?.include_usage === true) yield chunk([], { usage: usageOf(request, tokens) });
  yield done;
}

function headOf({ number, model }: Call, object: string): object {
  return { id: `call-${number}`, object, created: 0, model };
}

/** One token per message stands for the prompt; nobody reads it for its truth. */
function usageOf(request: ChatRequest, tokens: Token[]): Record<string, number> {
  const [prompt, completion] = [request.messages.length, tokens.length];
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
