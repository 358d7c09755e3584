import type { DataPart, Usage } from "@holdfast/contract";
import type { ModelRequest } from "@holdfast/internal";

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

/** What a model lets hear while it answers. */
export type Piece =
  | { kind: "text"; text: string }
  /** What it thinks before it answers, and is no part of the answer. */
  | { kind: "reasoning"; text: string }
  | { kind: "data"; part: DataPart }
  /** It works and says nothing yet: its server keeps the connection alive. */
  | { kind: "alive" }
  /**
   * What was taken for text so far was reasoning, or the other way round. `text` is all of it, the prefix included. What comes next
   * is said behind it.
   */
  | { kind: "reclassify"; as: "text" | "reasoning"; text: string };

/** How an answer came to an end. `unclear`: the server said in no known way whether it is whole. */
export interface Ended {
  finish: "stop" | "length" | "filtered" | "unclear";
  usage: Usage;
}

/** A model that answers in pieces of text. */
export interface Model {
  /** With `name` the identity of its breaker and metrics. */
  readonly provider: string;
  readonly name: string;
  /** Tokens that a prompt may have; undefined for a model that takes any. */
  promptTokens(request: ModelRequest): number | undefined;
  /** Whether `stream` would go on exactly after the prompt's prefix, and yield only what follows it. */
  continuesFrom(prompt: ModelPrompt): boolean;
  /**
   * Yields the answer and returns once it has ended. Throws a `ModelError` when it broke, however much was yielded; and soon
   * after `signal` aborts it throws something, whatever it is.
   */
  stream(prompt: ModelPrompt, signal: AbortSignal): AsyncGenerator<Piece, Ended, void>;
}

/** Chooses the model a request is for; rejects with a `ModelError` when there is none. */
export interface Models {
  resolve(request: ModelRequest): Promise<Model>;
}

export function labelsOf({ provider, name }: Model): { provider: string; model: string } {
  return { provider, model: name };
}
