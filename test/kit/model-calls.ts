import type { Finish, Input, Snapshot, Turn } from "@holdfast/contract";
import { answerTokens, type Call, parseScript } from "@holdfast/model-server";
import { canonical } from "./difference.ts";
import { type Bad, type History, shown } from "./history.ts";
import { textOf, turnsOf } from "./reading.ts";

/** What the model said to one question. `isWhole`: it said all it had to say. */
export interface Answer {
  text: string;
  isWhole: boolean;
}

/** One call of the model: what was put to it, and what it sent back. */
export interface ModelCall extends Answer {
  messages: readonly Message[];
}

/** As a model takes it; `system` is left out, which tells what the agent makes of its state. */
export interface Message {
  role: string;
  content: string;
}

/** What the scripted model answers to a text; `directives`: how, where the text itself does not say so. */
export function answerTo(text: string, directives = ""): string {
  const own = /(?:^|\s)faults:(\S*)/.exec(text)?.[1];
  return answerTokens(text, parseScript(own ?? directives)).join("");
}

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

function answered(turn: Turn): string {
  const [text, note] = [textOf(turn), NOTES[turn.finish]];
  return text === "" || note === undefined ? text : `${text}\n\n${note}`;
}

/**
 * What the model is asked in a turn: what was said and answered before, then the inputs. What was cut short before its first
 * word got no answer and stands before the next input, a blank line between: models want roles to alternate.
 */
export function conversationOf(earlier: readonly Turn[], inputs: readonly Input[]): Message[] {
  const asked = (of: readonly Input[]): Message[] => of.map(({ text }) => ({ role: "user", content: text }));
  const said = earlier
    .slice(-CONTEXT_TURNS)
    .flatMap((turn) => [...asked(turn.inputs), { role: "assistant", content: answered(turn) }])
    .concat(asked(inputs));
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

/**
 * Every answer was asked of the model with all that was said before it, and nothing else was asked. `truths`: each session
 * with all of its turns, undefined where its workflow does not answer.
 */
export function checkCalls(
  truths: ReadonlyMap<string, Snapshot | undefined>,
  { sent, modelCalls }: Pick<History, "sent" | "modelCalls">,
  badIn: (session: string) => Bad,
): void {
  const questions = [...truths].flatMap(([session, truth]) => (truth === undefined ? [] : questionsOf(session, truth)));
  const asked = new Set(modelCalls.map(({ messages }) => canonical(messages)));
  const known = new Set(questions.map(({ messages }) => canonical(messages)));
  for (const { session, turn, isAnswered, messages } of questions) {
    if (!isAnswered || asked.has(canonical(messages))) continue;
    badIn(session)(
      "invented",
      `turn ${turn} has an answer the model was not asked for: ${shown(questionIn(messages))}`,
    );
  }
  const isAllKnown = [...truths.values()].every((truth) => truth !== undefined);
  const said = new Set(sent.map(({ text }) => text));
  for (const { messages } of modelCalls) {
    const isSaid = questionIn(messages)
      .split("\n\n")
      .every((text) => said.has(text));
    if (known.has(canonical(messages)) || (isSaid && !isAllKnown)) continue;
    checkUnfit(messages, questions, badIn);
  }
}

/** What the model is to be asked in one turn. */
interface Question {
  session: string;
  turn: number;
  isAnswered: boolean;
  messages: Message[];
}

function questionsOf(session: string, truth: Snapshot): Question[] {
  return turnsOf(truth).map((of, index) => ({
    session,
    turn: of.turn,
    isAnswered: "outcome" in of && of.outcome === "completed",
    messages: conversationOf(truth.turns.slice(0, index), of.inputs),
  }));
}

/** Says of what the model was asked and should not have been, in which turn that was. */
function checkUnfit(
  messages: readonly Message[],
  questions: readonly Question[],
  badIn: (session: string) => Bad,
): void {
  const question = questionIn(messages);
  const meant = questions.find((each) => questionIn(each.messages) === question);
  if (meant === undefined) return badIn("")("invented", `the model was asked ${shown(question)}, which is in no turn`);
  const missing = meant.messages.find(({ content }) => !messages.some((each) => each.content === content));
  const wrong = missing === undefined ? "not in this order" : `without ${shown(missing.content)}`;
  const [count, right] = [messages.length - 1, meant.messages.length - 1];
  const asked = `the model was asked turn ${meant.turn} after ${count} messages instead of ${right}`;
  badIn(meant.session)("invented", `${asked}, ${wrong}`);
}
