import type { Call } from "@holdfast/model-server";
import type { Answer, History, ModelCall } from "./history.ts";
import { questionIn } from "./prompt.ts";

/** Each call as the scripted model wrote it down. */
export function modelCallsOf(calls: readonly Call[]): ModelCall[] {
  return calls.map(({ messages, prefix, text, outcome }) => ({
    messages: messages.filter(({ role }) => role !== "system"),
    text: prefix + text,
    isWhole: outcome === "finished",
  }));
}

/** What the model did say, where each of its answers is another one. */
export function answersIn(calls: readonly ModelCall[]): History["answers"] {
  const byQuestion = Map.groupBy(calls, ({ messages }) => questionIn(messages));
  return (question) => byQuestion.get(question) ?? [];
}

/** What the model says whenever it is asked, where that is known beforehand. */
export function answersBy(answer: (question: string) => string): History["answers"] {
  return (question): Answer[] => [{ text: answer(question), isWhole: true }];
}
