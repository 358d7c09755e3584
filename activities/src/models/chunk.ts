import type { Usage } from "@holdfast/contract";

export interface JsonObject {
  readonly [member: string]: unknown;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What one object of a completion's stream says. */
export interface Chunk {
  /** What the model thinks before it answers, where its server tells it apart. */
  reasoning: string;
  text: string;
  /** The model's own words of refusing. They are text, and mean that no answer will come. */
  isRefusal: boolean;
  /** As the server wrote it, whatever its type. */
  finishReason: unknown;
  usage: Usage | undefined;
  /** Something the server complains of. */
  error: unknown;
}

/**
 * Reads an object of a completion's stream, or a whole completion. Nothing in it is relied on: servers leave out `choices`, send
 * it empty, send `delta: null`, content as parts, usage in a chunk of its own, and members of their own making.
 */
export function readChunk(value: JsonObject): Chunk {
  const choice = firstChoice(value["choices"]);
  const delta = messageOf(choice);
  const text = textOf(delta["content"]) || (typeof choice["text"] === "string" ? choice["text"] : "");
  const refusal = textOf(delta["refusal"]);
  return {
    reasoning: reasoningOf(delta),
    text: text + refusal,
    isRefusal: refusal !== "",
    finishReason: choice["finish_reason"] ?? choice["finishReason"] ?? delta["finish_reason"],
    usage: usageOf(value["usage"]) ?? usageOf(choice["usage"]),
    error: errorOf(value, choice),
  };
}

const NOTHING: JsonObject = {};

/** Of several answers the first, by its index: nobody asks for more, and their texts arrive in between each other. */
function firstChoice(choices: unknown): JsonObject {
  if (!Array.isArray(choices)) return NOTHING;
  const first: unknown = choices.find((choice: unknown) => isObject(choice) && (choice["index"] ?? 0) === 0);
  return isObject(first) ? first : NOTHING;
}

/** A whole completion has a `message` where chunks have a `delta`; some servers send both, and then the message repeats. */
function messageOf(choice: JsonObject): JsonObject {
  if (isObject(choice["delta"])) return choice["delta"];
  return isObject(choice["message"]) ? choice["message"] : NOTHING;
}

/** Content is text or a list of parts, among which there may be reasoning (Mistral). */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => {
      if (typeof part === "string") return part;
      if (!isObject(part)) return "";
      const isText = part["type"] === undefined || part["type"] === "text" || part["type"] === "output_text";
      return isText && typeof part["text"] === "string" ? part["text"] : "";
    })
    .join("");
}

/**
 * DeepSeek, vLLM, SGLang, llama.cpp (`reasoning_content`), OpenRouter, Groq, newer vLLM (`reasoning`), gateways to Anthropic
 * (`thinking`), Mistral (parts of the content). Several at once are the same twice: vLLM sends the first two.
 */
function reasoningOf(delta: JsonObject): string {
  for (const name of ["reasoning_content", "reasoning", "thinking"]) {
    const text = textOf(delta[name]);
    if (text !== "") return text;
  }
  const content: unknown[] = Array.isArray(delta["content"]) ? delta["content"] : [];
  const thoughts = content.filter(isObject).filter(({ type }) => type === "thinking" || type === "reasoning");
  return thoughts.map(({ thinking, text }) => textOf(thinking ?? text)).join("");
}

function usageOf(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const { prompt_tokens: input, completion_tokens: output } = usage;
  return {
    ...(typeof input === "number" ? { inputTokens: input } : {}),
    ...(typeof output === "number" ? { outputTokens: output } : {}),
  };
}

/**
 * Servers that fail after their headers say so in the stream: `{error: …}` (most), `{object: "error", …}` (vLLM), `{type: "error", …}`
 * (Anthropic), a choice with an error (OpenRouter), or an object of a status and a message (gateways).
 */
function errorOf(value: JsonObject, choice: JsonObject): unknown {
  const error = value["error"] ?? choice["error"];
  if (error !== undefined && error !== null && error !== false && error !== "") return { ...value, error };
  if (value["object"] === "error" || value["type"] === "error") return value;
  const isCompletion = "choices" in value || "usage" in value;
  const complains = "detail" in value || ("message" in value && ("code" in value || "status" in value));
  return !isCompletion && complains ? value : undefined;
}
