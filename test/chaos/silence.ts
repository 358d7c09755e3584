import type { Input } from "@holdfast/contract";
import type { History, ReaderRecord, SentEvent } from "./history.ts";
import type { Blow } from "./schedule.ts";

/** A reader was owed something and was given nothing. Milliseconds since the run began. */
export interface Silence {
  from: number;
  to: number;
}

/**
 * Every silence of a run: from the last frame, or from the first unanswered input if that came later, to the next frame.
 * A reader to whom nothing is owed has no silence, however long it hears nothing.
 */
export function silencesOf({ readers, sent }: Pick<History, "readers" | "sent">): Silence[] {
  return readers.flatMap((reader) => silencesOfReader(reader, sent));
}

export function longest(silences: readonly Silence[]): number {
  return Math.max(0, ...silences.map(({ from, to }) => to - from));
}

/** Of each strike: how long the reader it hit hardest waited for its next frame, counted from the strike. */
export function recoveries(strikes: readonly Blow[], silences: readonly Silence[]): number[] {
  return strikes
    .toSorted((a, b) => a.struckAtMs - b.struckAtMs)
    .map(({ struckAtMs, holdMs }, index, all) => {
      const last = Math.min(struckAtMs + holdMs + 1_000, all[index + 1]?.struckAtMs ?? Number.POSITIVE_INFINITY);
      const hit = silences.filter(({ from, to }) => from < last && to > struckAtMs);
      return Math.max(0, ...hit.map(({ from, to }) => to - Math.max(from, struckAtMs)));
    });
}

function silencesOfReader({ session, frames }: ReaderRecord, sent: readonly SentEvent[]): Silence[] {
  const owed = new Map<string, number>();
  const inputs = sent.filter((event) => event.session === session && event.kind === "input");
  const unsaid = inputs.toSorted((a, b) => a.at - b.at);
  const answered = new Set<string>();
  const silences: Silence[] = [];
  let running: readonly Input[] = [];
  let before = 0;
  for (const { at, frame } of frames) {
    while (unsaid[0] !== undefined && unsaid[0].at < at) {
      const said = unsaid.shift();
      if (said !== undefined && !answered.has(idOf(said))) owed.set(idOf(said), said.at);
    }
    if (owed.size > 0) silences.push({ from: Math.max(before, Math.min(...owed.values())), to: at });
    before = at;
    const settle = (settled: readonly Input[]): void => {
      for (const input of settled) {
        answered.add(idOf(input));
        owed.delete(idOf(input));
      }
    };
    if (frame.type === "snapshot") {
      settle(frame.snapshot.turns.flatMap((turn) => turn.inputs));
      running = frame.snapshot.running?.inputs ?? [];
    } else if (frame.type === "turn.started") running = frame.inputs;
    else if (frame.type !== "delta" && frame.type !== "rewind" && frame.type !== "state.patched") settle(running);
  }
  return silences;
}

const idOf = ({ producer, seq }: { producer: string; seq: number }): string => `${producer}#${seq}`;
