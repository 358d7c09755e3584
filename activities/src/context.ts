import type { SessionKey, Turn } from "@holdfast/contract";
import type { RespondRequest, SessionState } from "@holdfast/internal";
import type { SessionLog } from "@holdfast/session-log";
import type { Message } from "./models/model.ts";

export interface ContextSource {
  log: Pick<SessionLog, "putSnapshot">;
  /** Temporal Query of the session's workflow (session-state.ts); rejects when the attempt is cancelled. */
  queryState(key: SessionKey): Promise<SessionState>;
}

/**
 * The session's committed turns: those the log's cache gave, or, when it is cold, the workflow's own, which then warm the cache.
 * Rejects when the workflow cannot be asked: an answer out of context would be worse than a retry.
 */
export async function readTurns(source: ContextSource, key: SessionKey, cached: Turn[] | undefined): Promise<Turn[]> {
  if (cached !== undefined) return cached;
  const truth = await source.queryState(key);
  // Warming the cache is a courtesy to the next turn: nobody waits for it, and a Redis that is away stays cold.
  source.log.putSnapshot(key, truth).catch(() => {});
  return truth.snapshot.turns;
}

/** Error codes of turns whose input the model could not be given: given again, it would fail the turns that follow, too. */
const REFUSED_INPUT = new Set(["content_refused", "context_too_long"]);

/**
 * The conversation as a model takes it: the newest `count` turns before this one, as far back as `tokens` reach, the turn's inputs,
 * and what its earlier steps have said. Of these two nothing is ever left out. Roles alternate, because several chat templates
 * refuse two messages of one role in a row.
 */
export function messagesOf(
  request: RespondRequest,
  turns: Turn[],
  count: number,
  saidBefore: string,
  tokens = Number.POSITIVE_INFINITY,
): Message[] {
  const own: Message[] = [...request.inputs.map(({ text }) => said("user", text)), said("assistant", saidBefore)];
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

function isRefused({ outcome, error }: Turn): boolean {
  return outcome === "failed" && error !== undefined && REFUSED_INPUT.has(error.code);
}

/** A text that is not all the model would have said tells so: else the model takes its own stump for its way to answer. */
function markedText({ outcome, text, finish }: Turn): string {
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
