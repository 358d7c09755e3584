import { z } from "zod";

/** The parts of an OpenAI-compatible chat completion request this server acts on. */
export const chatRequestSchema = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })).min(1),
  stream: z.boolean().optional(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  /** vLLM: go on with the last message, which is the assistant's own unfinished text. */
  continue_final_message: z.boolean().optional(),
  add_generation_prompt: z.boolean().optional(),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

export function lastUserMessage(request: ChatRequest): string {
  return request.messages.findLast((message) => message.role === "user")?.content ?? "";
}

/** The text to continue, or "" when the request asks for a new message. */
export function prefixOf(request: ChatRequest): string {
  const last = request.messages.at(-1);
  return request.continue_final_message === true && last?.role === "assistant" ? last.content : "";
}

/** The directives of a call: after `faults:` in the model's name, else in the last user message, up to white space. */
export function directivesOf(request: ChatRequest): string | undefined {
  return directivesIn(request.model) ?? directivesIn(lastUserMessage(request));
}

function directivesIn(text: string): string | undefined {
  return /(?:^|\s)faults:(?<directives>\S*)/.exec(text)?.groups?.["directives"];
}
