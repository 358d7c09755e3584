import type { Usage } from "@holdfast/contract";
import type { ModelRequest } from "@holdfast/internal";
import { serverEvents, type ServerEvent } from "./answer-stream.ts";
import { type Chunk, readChunk } from "./chunk.ts";
import { meaningOf, type FinishMeaning } from "./finish-reason.ts";
import { ModelError } from "./model-error.ts";
import type { Ended, Message, Model, ModelPrompt, Piece } from "./model.ts";
import { ReasoningFilter } from "./reasoning.ts";
import { modelErrorOf, unreachable } from "./server-error.ts";

export interface OpenAICompatibleConfig {
  /** Base URL, up to and including `/v1`. */
  url: string;
  key?: string | undefined;
  /**
   * How the server goes on with an unfinished answer. `vllm`: the answer so far as the last message with
   * `continue_final_message: true, add_generation_prompt: false`. `none`: it cannot.
   */
  continues: "none" | "vllm";
  /** Tokens that the model's context holds, prompt and answer together. */
  contextTokens: number;
}

export const OPENAI_COMPATIBLE = "openai-compatible";

/** Of the context, what is left to the answer when the request does not limit it: a quarter, but no more than this. */
const MOST_ANSWER_TOKENS = 4_096;
/**
 * Milliseconds that are waited after a finish reason, for the usage and `[DONE]`. Then the answer is over, though the server holds
 * the connection open. Also how long a server may pause that writes a finish reason on every chunk.
 */
const AFTER_FINISH_MS = 2_000;
/** Bytes of an error's body that are read. */
const MOST_ERROR_BYTES = 64 * 1024;

/** Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, … Retries are Temporal's business. */
export function createOpenAICompatibleModels(config: OpenAICompatibleConfig): (name: string) => Model {
  const url = `${config.url.replace(/\/+$/, "")}/chat/completions`;
  const headers = {
    accept: "text/event-stream, application/json",
    "content-type": "application/json",
    ...(config.key === undefined ? {} : { authorization: `Bearer ${config.key}` }),
  };
  /** Models whose last answer began inside a reasoning that their template had opened. */
  const openInside = new Set<string>();
  return (name) => ({
    provider: OPENAI_COMPATIBLE,
    name,
    promptTokens: (request) => config.contextTokens - answerTokens(config.contextTokens, request),
    continuesFrom: () => config.continues === "vllm",
    async *stream(prompt, signal) {
      const filter = new ReasoningFilter(prompt.prefix, openInside.has(name));
      const ended = yield* answer({ url, headers, body: JSON.stringify(requestBody(name, prompt)) }, filter, signal);
      if (filter.openedInside) openInside.add(name);
      else if (prompt.prefix === "") openInside.delete(name);
      return ended;
    },
  });
}

function answerTokens(contextTokens: number, { maxOutputTokens }: ModelRequest): number {
  return Math.min(maxOutputTokens ?? MOST_ANSWER_TOKENS, Math.floor(contextTokens / 4));
}

function requestBody(model: string, { messages, prefix, request }: ModelPrompt): object {
  const { instructions, temperature, maxOutputTokens } = request;
  return {
    model,
    messages: [
      ...(instructions === undefined ? [] : [{ role: "system", content: instructions }]),
      ...withPrefix(messages, prefix),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens }),
    ...(prefix === "" ? {} : { continue_final_message: true, add_generation_prompt: false }),
  };
}

/** The prefix is the assistant's last message; what earlier steps of the turn said belongs to the same one. */
function withPrefix(messages: Message[], prefix: string): Message[] {
  if (prefix === "") return messages;
  const last = messages.at(-1);
  if (last?.role !== "assistant") return [...messages, { role: "assistant", content: prefix }];
  return [...messages.slice(0, -1), { role: "assistant", content: last.content + prefix }];
}

interface Request {
  url: string;
  headers: Record<string, string>;
  body: string;
}

async function* answer(
  request: Request,
  filter: ReasoningFilter,
  signal: AbortSignal,
): AsyncGenerator<Piece, Ended, void> {
  /** Ends the wait for a server that has finished its answer and does not end the response. */
  const enough = new AbortController();
  const response = await respond(request, AbortSignal.any([signal, enough.signal]));
  const reading = new Reading();
  let patience: NodeJS.Timeout | undefined;
  try {
    for await (const events of serverEvents(response)) {
      for (const event of events) {
        const said = reading.take(event);
        if (said === undefined) break;
        const { reasoning, text } = said;
        if (reasoning !== "") yield { kind: "reasoning", text: reasoning };
        yield* text === "" ? [{ kind: "alive" } as const] : filter.push(text);
      }
      if (reading.isOver) break;
      clearTimeout(patience);
      if (reading.finish !== undefined) patience = setTimeout(() => enough.abort(), AFTER_FINISH_MS);
    }
  } catch (error) {
    signal.throwIfAborted();
    // Whatever becomes of its stream, an answer that is finished is whole.
    if (reading.finish === undefined || reading.finish === "unclear") throw brokenOff(error);
  } finally {
    clearTimeout(patience);
  }
  const ended = reading.end();
  yield* filter.end();
  return ended;
}

type Body = ReadableStream<Uint8Array>;

async function respond({ url, headers, body }: Request, signal: AbortSignal): Promise<Body> {
  let response: Response;
  try {
    // A key is not taken to wherever a server points, and a POST would arrive there as a GET.
    response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(error);
  }
  const { ok, status, body: answered } = response;
  if (ok && answered !== null) return answered;
  if (ok) throw new ModelError("broken", `The model server answered HTTP ${status} without a body.`);
  const said = response.headers.get("location") ?? (await bodyOf(response, signal));
  throw modelErrorOf({ status, headers: response.headers, body: said });
}

/** An error is an error, even if its body never comes. */
async function bodyOf(response: Response, signal: AbortSignal): Promise<unknown> {
  let text = "";
  const late = AbortSignal.any([signal, AbortSignal.timeout(AFTER_FINISH_MS)]);
  const reader = response.body?.getReader();
  const stop = (): void => void reader?.cancel().catch(() => {});
  late.addEventListener("abort", stop, { once: true });
  try {
    const decoder = new TextDecoder();
    while (reader !== undefined && text.length < MOST_ERROR_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What came of it has to do.
  }
  late.removeEventListener("abort", stop);
  stop();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What the events of one answer come to. */
class Reading {
  #usage: Usage = {};
  #finish: FinishMeaning | undefined;
  #finishWord = "";
  #hasText = false;
  #isRefusal = false;
  #isDone = false;

  get finish(): FinishMeaning | undefined {
    return this.#finish;
  }

  /** Nothing more is to be read. */
  get isOver(): boolean {
    return this.#isDone;
  }

  /** What an event says, "" for nothing; undefined when the answer is over. Throws what the server complains of. */
  take(event: ServerEvent): Pick<Chunk, "reasoning" | "text"> | undefined {
    switch (event.kind) {
      case "done":
        this.#isDone = true;
        return undefined;
      case "alive":
        return { reasoning: "", text: "" };
      case "garbled":
        throw new ModelError("broken", `The model server sent no JSON: ${event.text}`);
      case "error":
        return this.#complaint(event.body);
      case "object": {
        const chunk = readChunk(event.object);
        if (chunk.usage !== undefined) this.#usage = chunk.usage;
        if (chunk.error !== undefined) return this.#complaint(chunk.error);
        this.#hasText ||= chunk.text.trim() !== "";
        this.#isRefusal ||= chunk.isRefusal;
        this.#finished(chunk.finishReason);
        return chunk;
      }
    }
  }

  #finished(reason: unknown): void {
    const meaning = meaningOf(reason);
    if (meaning === undefined) return;
    this.#finish = meaning;
    this.#finishWord = JSON.stringify(reason);
  }

  /** An error ends the answer; one of two kinds tells why the text that came is all there will be. */
  #complaint(body: unknown): undefined {
    const error = modelErrorOf({ body });
    const isCut = this.#hasText && (error.failure === "too_long" || error.failure === "content");
    if (!isCut) throw error;
    this.#finish = error.failure === "content" ? "filtered" : "length";
    this.#isDone = true;
    return undefined;
  }

  /** Throws when the answer broke. */
  end(): Ended {
    const usage = this.#usage;
    switch (this.#finish) {
      case "stop":
        return { finish: this.#isRefusal ? "filtered" : "stop", usage };
      case "length":
      case "filtered":
      case "unclear":
        return { finish: this.#finish, usage };
      case "broken":
        throw new ModelError("broken", `The model server ended its answer by ${this.#finishWord}.`);
      case undefined:
        // Gateways write `[DONE]` below whatever came before their own server was cut off; others never send a finish reason.
        if (this.#isDone && this.#hasText) return { finish: "unclear", usage };
        throw new ModelError("broken", "The model server ended its answer without finishing it.");
    }
  }
}

function brokenOff(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = cause instanceof Error ? cause.message : String(cause);
  return new ModelError("broken", `The connection to the model server broke in the middle of its answer: ${said}`, {
    cause: error,
  });
}
