import type { Finish, Input, Turn } from "@holdfast/contract";

/** As a model takes it; `system` is left out, which tells what the agent makes of its state. */
export interface Message {
  role: string;
  content: string;
}

/** The newest turns the agent (the concierge) puts before its question. */
const CONTEXT_TURNS = 20;

/** What an answer that is not whole ends with, for the model to know. */
const NOTES: Partial<Record<Finish, string>> = {
  interrupted: "[The user stopped this answer here.]",
  error: "[This answer broke off here because of a fault.]",
  length: "[This answer was cut off here by its length limit.]",
  limit: "[This answer was cut off here by its length limit.]",
  filtered: "[This answer was cut off here by a content filter.]",
};

function answered({ text, finish }: Pick<Turn, "text" | "finish">): string {
  const note = NOTES[finish];
  return text === "" || note === undefined ? text : `${text}\n\n${note}`;
}

/**
 * What the model is asked in a turn: what was said and answered before, then the inputs. What was cut short before its first
 * word got no answer and stands before the next input, a blank line between: models want roles to alternate.
 */
export function conversationOf(earlier: readonly Turn[], inputs: readonly Input[]): Message[] {
  const said = [...earlier.slice(-CONTEXT_TURNS), { inputs, text: "", finish: "stop" as const }].flatMap((turn) => [
    ...turn.inputs.map(({ text }): Message => ({ role: "user", content: text })),
    { role: "assistant", content: answered(turn) },
  ]);
  const messages: Message[] = [];
  for (const { role, content } of said.filter((message) => message.content !== "")) {
    const last = messages.at(-1);
    if (last?.role === role) last.content += `\n\n${content}`;
    else messages.push({ role, content });
  }
  return messages;
}

/** What the model is to answer in a turn. */
export function promptOf(earlier: readonly Turn[], inputs: readonly Input[]): string {
  return questionIn(conversationOf(earlier, inputs));
}

/** The last that was said to the model. */
export function questionIn(messages: readonly Message[]): string {
  return messages.findLast(({ role }) => role === "user")?.content ?? "";
}
