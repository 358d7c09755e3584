import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText, type LanguageModel, type LanguageModelUsage } from "ai";
import { modelErrorOf } from "./api-error.ts";
import { ModelError } from "./model-error.ts";
import type { Message, Model, ModelPrompt, Usage } from "./model.ts";

export interface OpenAICompatibleConfig {
  /** Base URL, up to and including `/v1`. */
  url: string;
  key?: string | undefined;
  /**
   * How the server goes on with an unfinished answer. `vllm`: the answer so far as the last message with
   * `continue_final_message: true, add_generation_prompt: false`. `none`: it cannot.
   */
  continues: "none" | "vllm";
}

export const OPENAI_COMPATIBLE = "openai-compatible";

/** Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, … Retries are Temporal's business. */
export function createOpenAICompatibleModels(config: OpenAICompatibleConfig): (name: string) => Model {
  const settings = {
    name: "model",
    baseURL: config.url,
    includeUsage: true,
    ...(config.key === undefined ? {} : { apiKey: config.key }),
  };
  const fresh = createOpenAICompatible(settings);
  const continuing = createOpenAICompatible({ ...settings, transformRequestBody: askToContinue });
  return (name) => ({
    provider: OPENAI_COMPATIBLE,
    name,
    continuesFrom: () => config.continues === "vllm",
    stream: (prompt, signal) => answer((prompt.prefix === "" ? fresh : continuing)(name), prompt, signal),
  });
}

function askToContinue(body: object): object {
  return { ...body, continue_final_message: true, add_generation_prompt: false };
}

async function* answer(
  model: LanguageModel,
  prompt: ModelPrompt,
  signal: AbortSignal,
): AsyncGenerator<string, Usage, void> {
  const { instructions, temperature, maxOutputTokens } = prompt.request;
  const { stream } = streamText({
    model,
    messages: withPrefix(prompt.messages, prompt.prefix),
    maxRetries: 0,
    abortSignal: signal,
    // Without a handler the SDK prints errors; they are in the stream as well.
    onError: () => {},
    ...(instructions === undefined ? {} : { instructions }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  });
  try {
    for await (const part of stream) {
      if (part.type === "text-delta") yield part.text;
      else if (part.type === "reasoning-delta") yield "";
      // A stream that breaks ends like one that is whole, but for this part: taking what came before it as the answer would
      // commit half of it.
      else if (part.type === "error") throw part.error;
      else if (part.type === "abort") break;
      else if (part.type === "finish") return usageOf(part.totalUsage);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw modelErrorOf(error);
  }
  signal.throwIfAborted();
  throw new ModelError("broken", "The model server ended its answer without finishing it.");
}

/** The prefix is the assistant's last message; what earlier steps of the turn said belongs to the same one. */
function withPrefix(messages: Message[], prefix: string): Message[] {
  if (prefix === "") return messages;
  const last = messages.at(-1);
  if (last?.role !== "assistant") return [...messages, { role: "assistant", content: prefix }];
  return [...messages.slice(0, -1), { role: "assistant", content: last.content + prefix }];
}

function usageOf({ inputTokens, outputTokens }: LanguageModelUsage): Usage {
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  };
}
