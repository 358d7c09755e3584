import type { Snapshot } from "@holdfast/contract";
import { canonical } from "./difference.ts";
import type { History, ModelCall } from "./history.ts";
import { conversationOf, type Message, questionIn } from "./prompt.ts";
import { shown, type Violation } from "./violation.ts";

/** What the model is to be asked in one turn. */
interface Question {
  session: string;
  turn: number;
  isAnswered: boolean;
  messages: Message[];
}

/**
 * Every answer was asked of the model with all that was said before it, and nothing else was asked. `truths`: each session
 * with all of its turns, undefined where its workflow does not answer.
 */
export function checkCalls(
  truths: ReadonlyMap<string, Snapshot | undefined>,
  { sent, modelCalls }: Pick<History, "sent" | "modelCalls">,
): Violation[] {
  const questions = [...truths].flatMap(([session, truth]) => (truth === undefined ? [] : questionsOf(session, truth)));
  const asked = new Set(modelCalls.map(({ messages }) => canonical(messages)));
  const known = new Set(questions.map(({ messages }) => canonical(messages)));
  const unasked = questions.filter(({ isAnswered, messages }) => isAnswered && !asked.has(canonical(messages)));
  const isAllKnown = [...truths.values()].every((truth) => truth !== undefined);
  const said = new Set(sent.map(({ text }) => text));
  const isSaid = ({ messages }: ModelCall): boolean =>
    questionIn(messages)
      .split("\n\n")
      .every((text) => said.has(text));
  const unfit = modelCalls.filter((call) => !known.has(canonical(call.messages)) && (isAllKnown || !isSaid(call)));
  return [
    ...unasked.map(({ session, turn, messages }): Violation => {
      const detail = `turn ${turn} has an answer the model was not asked for: ${shown(questionIn(messages))}`;
      return { promise: "invented", session, detail };
    }),
    ...unfit.map(({ messages }) => unfitting(messages, questions)),
  ];
}

function questionsOf(session: string, { turns, running }: Snapshot): Question[] {
  const ended = turns.map(({ turn, inputs, outcome }, index): Question => {
    const messages = conversationOf(turns.slice(0, index), inputs);
    return { session, turn, isAnswered: outcome === "completed", messages };
  });
  if (running === null) return ended;
  const messages = conversationOf(turns, running.inputs);
  return [...ended, { session, turn: running.turn, isAnswered: false, messages }];
}

function unfitting(messages: readonly Message[], questions: readonly Question[]): Violation {
  const question = questionIn(messages);
  const meant = questions.find((each) => questionIn(each.messages) === question);
  if (meant === undefined)
    return { promise: "invented", session: "", detail: `the model was asked ${shown(question)}, which is in no turn` };
  const { session, turn } = meant;
  const missing = meant.messages.filter(({ content }) => !messages.some((each) => each.content === content));
  const first = missing[0] === undefined ? "not in this order" : `without ${shown(missing[0].content)}`;
  const detail = `the model was asked turn ${turn} after ${messages.length - 1} messages instead of ${meant.messages.length - 1}, ${first}`;
  return { promise: "invented", session, detail };
}
