import { answerTokens, parseScript } from "@holdfast/model-server";

export interface ScriptedMessage {
  text: string;
  /** What the model answers, to the letter. */
  answer: string;
}

/** A message the model server answers as told (`directives`: see its `parseScript`). */
export function scripted(words: string, directives: string): ScriptedMessage {
  const text = `${words} faults:${directives}`;
  return { text, answer: answerTokens(text, parseScript(directives)).join("") };
}
