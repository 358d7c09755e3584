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

/** An answer of some seconds, for what is to happen in the middle of it. */
export const LONG = "tokens=250,slow=25ms";
/** An answer nobody waits for the end of. */
export const ENDLESS = "tokens=4000,slow=25ms";
