import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type BrokenPromise, type History, idOf, type Violation } from "./history.ts";
import { factsOf, readingOf } from "./reading.ts";
import type { Blow, RunResult } from "./run.ts";
import { median, sum } from "./statistics.ts";

/** How many promises were broken, as every table counts them. */
export interface Counts {
  lost: number;
  duplicated: number;
  garbled: number;
  gaps: number;
  hangs: number;
}

export function countsOf(violations: readonly Violation[]): Counts {
  const count = (...promises: BrokenPromise[]): number =>
    violations.filter(({ promise }) => promises.includes(promise)).length;
  return {
    lost: count("lost"),
    duplicated: count("duplicated", "reordered", "invented"),
    garbled: count("garbled", "retracted"),
    gaps: count("gap", "diverged"),
    hangs: count("hang", "crash"),
  };
}

export function isClean({ lost, duplicated, garbled, gaps, hangs }: Counts): boolean {
  return lost + duplicated + garbled + gaps + hangs === 0;
}

export function seconds(ms: number): string {
  return Number.isNaN(ms) ? "–" : `${(ms / 1_000).toFixed(1)} s`;
}
export function milliseconds(ms: number): string {
  return Number.isNaN(ms) ? "–" : `${Math.round(ms)} ms`;
}
export const kibibytes = (bytes: number): number => Math.round(bytes / 2 ** 10);
export const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** A table as the docs have it; all rows have the members of the first. */
export function markdown(rows: readonly object[]): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly unknown[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(names),
    line(names.map((_, index) => (index === 0 ? "---" : "--:"))),
    ...rows.map((each) => line(Object.values(each))),
  ].join("\n");
}

/** What the runs of one fault came to: a line of the table in docs/guarantees.md. */
export interface Outcome extends Counts {
  fault: string;
  runs: number;
  strikes: number;
  /** Strikes at which some reader held a turn under way. */
  "mid-stream": number;
  acked: number;
  /** From a strike until the reader it hit hardest was given its next frame. */
  "next frame p50": string;
  "next frame max": string;
  "longest silence": string;
  "slowest rest": string;
}

export function outcomeOf(fault: string, results: readonly RunResult[]): Outcome {
  const strikes = results.flatMap((result) => result.strikes);
  const silences = results.map((result) => silencesOf(result.history));
  const recoveriesMs = results.flatMap((result, index) => recoveries(result.strikes, silences[index] ?? []));
  return {
    fault,
    runs: results.length,
    strikes: strikes.length,
    "mid-stream": strikes.filter(({ midStream }) => midStream).length,
    acked: sum(results, ({ acked }) => acked),
    ...countsOf(results.flatMap(({ violations }) => violations)),
    "next frame p50": seconds(median(recoveriesMs)),
    "next frame max": seconds(Math.max(0, ...recoveriesMs)),
    "longest silence": seconds(longest(silences.flat())),
    "slowest rest": seconds(Math.max(0, ...results.map(({ settledMs }) => settledMs))),
  };
}

/** Why runs that broke nothing prove nothing, in words; undefined if they do prove something. */
export function vacuity(results: readonly RunResult[]): string | undefined {
  const strikes = results.flatMap((result) => result.strikes);
  if (!strikes.some(({ midStream }) => midStream)) return "no strike fell while a reader held a turn under way";
  const isOnlySleep = strikes.every(({ fault }) => fault === "tab-asleep");
  if (isOnlySleep && !results.some(wokeToSnapshot)) return "no tab slept so long that it needed a snapshot";
  return undefined;
}

function wokeToSnapshot({ strikes, history }: RunResult): boolean {
  const woken = Math.min(...strikes.map(({ struckAtMs, holdMs }) => struckAtMs + holdMs));
  return history.readers.some(({ frames }) => frames.some(({ at, frame }) => at >= woken && frame.type === "snapshot"));
}

/** A run in a line, and each promise it broke in one more. */
export function told(name: string, { seed, strikes, acked, settledMs, violations }: RunResult): string {
  const struck = strikes
    .toSorted((a, b) => a.struckAtMs - b.struckAtMs)
    .map(({ fault, struckAtMs }) => `${fault} at ${seconds(struckAtMs)}`);
  const broken = violations.map((violation) => `\n  BROKEN ${JSON.stringify(violation)}`).join("");
  return `${name}, seed ${seed}: ${struck.join(", ")}; ${acked} acked, at rest after ${seconds(settledMs)}${broken}`;
}

/** Writes the whole of a run down, in one file a run, so that the first failure is not overwritten by the second. */
export async function keep(file: string, name: string, result: RunResult): Promise<void> {
  const { seed, strikes, history, violations } = result;
  const path = file.replace(/(\.json)?$/, `-${name.replaceAll(/\W+/g, "-")}-${seed}.json`);
  const transcripts = Object.fromEntries(history.transcripts);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ seed, violations, strikes, ...history, transcripts }, null, 1));
  console.error(`  the history is kept in ${path}`);
}

/** A reader was owed something and was given nothing. Milliseconds since the run began. */
export interface Silence {
  from: number;
  to: number;
}

export function longest(silences: readonly Silence[]): number {
  return Math.max(0, ...silences.map(({ from, to }) => to - from));
}

/** Of each strike: how long the reader it hit hardest waited for its next frame, counted from the strike. */
function recoveries(strikes: readonly Blow[], silences: readonly Silence[]): number[] {
  return strikes
    .toSorted((a, b) => a.struckAtMs - b.struckAtMs)
    .map(({ struckAtMs, holdMs }, index, all) => {
      const last = Math.min(struckAtMs + holdMs + 1_000, all[index + 1]?.struckAtMs ?? Number.POSITIVE_INFINITY);
      const hit = silences.filter(({ from, to }) => from < last && to > struckAtMs);
      return Math.max(0, ...hit.map(({ from, to }) => to - Math.max(from, struckAtMs)));
    });
}

/**
 * Every silence of a run: from the last frame, or from the first unanswered input if that came later, to the next frame.
 * A reader to whom nothing is owed has no silence, however long it hears nothing.
 */
export function silencesOf({ readers, sent }: Pick<History, "readers" | "sent">): Silence[] {
  return readers.flatMap((reader) => {
    const inputs = sent.filter(({ session, kind }) => session === reader.session && kind === "input");
    const waiting = new Map(inputs.toSorted((a, b) => a.at - b.at).map((input) => [idOf(input), input.at]));
    const silences: Silence[] = [];
    let before = 0;
    for (const { at, frame, held } of readingOf(reader)) {
      const [first = Number.POSITIVE_INFINITY] = waiting.values();
      if (first < at) silences.push({ from: Math.max(before, first), to: at });
      before = at;
      for (const input of factsOf(frame, held).ended.flatMap((turn) => turn.inputs)) waiting.delete(idOf(input));
    }
    return silences;
  });
}
