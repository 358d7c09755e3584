import type { ModelRequest } from "@holdfast/contract";

/** One message of the conversation, oldest first; roles alternate and the last but for a prefix is the user's. */
export interface Message {
  role: "user" | "assistant";
  content: string;
}

export interface ModelPrompt {
  messages: Message[];
  /** The beginning of the answer, which readers hold already; "" for none. */
  prefix: string;
  request: ModelRequest;
}

export interface Usage {
  inputTokens?: number;
  outputTokens?: number;
}

/** A model that answers in pieces of text. */
export interface Model {
  /** With `name` the identity of its breaker and metrics. */
  readonly provider: string;
  readonly name: string;
  /** Whether `stream` would go on exactly after the prompt's prefix, and yield only what follows it. */
  continuesFrom(prompt: ModelPrompt): boolean;
  /**
   * Yields the answer and returns once it is whole; "" is a sign of life of a model that reasons before it answers, which
   * would otherwise count as silent. Throws a `ModelError` when the answer is not whole, however much was yielded; and soon
   * after `signal` aborts it throws something, whatever it is.
   */
  stream(prompt: ModelPrompt, signal: AbortSignal): AsyncGenerator<string, Usage, void>;
}

/** Chooses the model a request is for; throws a `ModelError` of kind `refused` when there is none. */
export interface Models {
  resolve(request: ModelRequest): Model;
}

export function labelsOf({ provider, name }: Model): { provider: string; model: string } {
  return { provider, model: name };
}
