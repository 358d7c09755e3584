import type { Snapshot, Turn } from "@holdfast/contract";
import { sameTurn } from "./difference.ts";
import type { History } from "./history.ts";
import { shown, type Violation } from "./violation.ts";

export interface WholeTranscript {
  /** The session's last snapshot with all of its turns; undefined when its workflow did not answer in the end. */
  truth: Snapshot | undefined;
  violations: Violation[];
}

/**
 * snap-2: a snapshot has the newest turns only, so the whole is put together from all that were ever told. turn-2: what was
 * committed is so for good, so every account of a turn is the same.
 */
export function wholeTranscript(session: string, { transcripts, told = [] }: History): WholeTranscript {
  const snapshot = transcripts.get(session);
  const violations: Violation[] = [];
  const turns = new Map<number, Turn>();
  const ofSession = told.filter((each) => each.session === session).map(({ turn }) => turn);
  for (const turn of [...ofSession, ...(snapshot?.turns ?? [])]) {
    const before = turns.get(turn.turn);
    turns.set(turn.turn, turn);
    if (before === undefined || sameTurn(before, turn)) continue;
    const [was, is] = [before, turn].map(({ outcome, text }) => `${outcome} with ${shown(text)}`);
    violations.push({
      promise: "retracted",
      session,
      detail: `the workflow told turn ${turn.turn} was ${was}, then ${is}`,
    });
  }
  const all = [...turns.values()].toSorted((a, b) => a.turn - b.turn);
  return { truth: snapshot && { ...snapshot, turns: all }, violations };
}
