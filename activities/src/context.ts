import { type Step, textOf, textOfParts, type Turn } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";
import type { Message } from "./models/model.ts";
import type { Conversation } from "./session-state.ts";

/** Error codes of turns whose input the model could not be given: given again, it would fail the turns that follow, too. */
const REFUSED_INPUT = new Set(["content_refused", "context_too_long"]);

/**
 * The conversation as a model takes it: the newest `count` turns before this one, as far back as `tokens` reach, then the turn's own
 * inputs and its earlier steps. The turn's own inputs and steps are never left out. Of steps only the text of answers is given back,
 * never reasoning. Roles alternate, because several chat templates refuse two messages of one role in a row.
 */
export function messagesOf(
  request: StepRequest,
  { turns, steps }: Conversation,
  count: number,
  tokens = Number.POSITIVE_INFINITY,
): Message[] {
  const own: Message[] = [
    ...request.inputs.map(({ text }) => said("user", text)),
    said("assistant", textOfSteps(steps)),
  ];
  const before = turns.filter((turn) => turn.turn < request.turn && !isRefused(turn));
  let room = tokens - sizeOf(own) - estimateTokens(request.request.instructions ?? "");
  const kept: Message[][] = [];
  for (const turn of count === 0 ? [] : before.slice(-count).reverse()) {
    const messages = [...turn.inputs.map(({ text }) => said("user", text)), said("assistant", markedText(turn))];
    room -= sizeOf(messages);
    if (room < 0) break;
    kept.unshift(messages);
  }
  return alternating([...kept.flat(), ...own]);
}

/** Tokens of the messages, estimated. */
export function sizeOf(messages: Message[]): number {
  const contents = messages.filter(({ content }) => content !== "");
  return contents.reduce((sum, { content }) => sum + MESSAGE_TOKENS + estimateTokens(content), 0);
}

/** What a chat template adds to each message. */
const MESSAGE_TOKENS = 6;

/**
 * How many tokens a text has at most, or nearly: tokenizers take some four characters of English for one, fewer of other languages,
 * code and numbers, and about one of any other script; older ones even take an emoji for several, which has two code units here.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  for (let index = 0; index < text.length; index++) tokens += text.charCodeAt(index) < 128 ? 1 / 3 : 1;
  return Math.ceil(tokens);
}

function said(role: Message["role"], content: string): Message {
  return { role, content };
}

function textOfSteps(steps: Step[]): string {
  return steps.map(({ parts }) => textOfParts(parts)).join("");
}

function isRefused({ outcome, error }: Turn): boolean {
  return outcome === "failed" && error !== undefined && REFUSED_INPUT.has(error.code);
}

/** A text that broke off gets a note that says so: else the model would take its own stump for the way to answer. */
function markedText(turn: Turn): string {
  const text = textOf(turn);
  const { outcome, finish } = turn;
  if (text === "") return "";
  if (outcome === "interrupted") return `${text}\n\n[The user stopped this answer here.]`;
  if (outcome === "failed" || finish === "error") return `${text}\n\n[This answer broke off here because of a fault.]`;
  if (finish === "length" || finish === "limit")
    return `${text}\n\n[This answer was cut off here by its length limit.]`;
  if (finish === "filtered") return `${text}\n\n[This answer was cut off here by a content filter.]`;
  return text;
}

function alternating(messages: Message[]): Message[] {
  const merged: Message[] = [];
  for (const { role, content } of messages) {
    const last = merged.at(-1);
    if (content === "") continue;
    if (last?.role === role) last.content += `\n\n${content}`;
    else merged.push({ role, content });
  }
  return merged;
}
