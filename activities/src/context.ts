import type { RespondRequest, SessionKey, SessionTruth, Turn } from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";
import type { Message } from "./models/model.ts";

export interface ContextSource {
  log: Pick<SessionLog, "putSnapshot">;
  /** Temporal Query of the session's workflow (truth.ts); rejects when the attempt is cancelled. */
  queryState(key: SessionKey): Promise<SessionTruth>;
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

/**
 * The conversation as a model takes it: the newest `count` turns before this one, the turn's inputs, and what its earlier steps
 * have said. Roles alternate, because several chat templates refuse two messages of one role in a row.
 */
export function messagesOf(request: RespondRequest, turns: Turn[], count: number, saidBefore: string): Message[] {
  const messages: Message[] = [];
  const add = (role: Message["role"], content: string): void => {
    if (content === "") return;
    const last = messages.at(-1);
    if (last?.role === role) last.content += `\n\n${content}`;
    else messages.push({ role, content });
  };
  const before = turns.filter(({ turn }) => turn < request.turn);
  for (const { inputs, text } of count === 0 ? [] : before.slice(-count)) {
    for (const input of inputs) add("user", input.text);
    add("assistant", text);
  }
  for (const input of request.inputs) add("user", input.text);
  add("assistant", saidBefore);
  return messages;
}
