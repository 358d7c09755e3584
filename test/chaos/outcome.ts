import type { RunResult } from "./run.ts";
import type { Violation } from "./checker.ts";

/** What the runs of one fault came to: a line of the table in docs/guarantees.md. */
export interface Outcome {
  fault: string;
  runs: number;
  strikes: number;
  /** Strikes at which some reader held a turn under way. */
  "mid-stream": number;
  acked: number;
  lost: number;
  duplicated: number;
  garbled: number;
  gaps: number;
  hangs: number;
  /** Seconds from a strike until the reader it hit hardest was given its next frame. */
  "next frame p50": string;
  "next frame max": string;
  "longest silence": string;
  "slowest rest": string;
}

export function outcomeOf(fault: string, results: readonly RunResult[]): Outcome {
  const promises = results.flatMap(({ violations }) => violations.map(({ promise }) => promise));
  const count = (...names: Violation["promise"][]): number => promises.filter((each) => names.includes(each)).length;
  const strikes = results.flatMap((result) => result.strikes);
  const recoveries = results.flatMap(({ recoveriesMs }) => recoveriesMs).toSorted((a, b) => a - b);
  return {
    fault,
    runs: results.length,
    strikes: strikes.length,
    "mid-stream": strikes.filter(({ midStream }) => midStream).length,
    acked: results.reduce((sum, { acked }) => sum + acked, 0),
    lost: count("lost"),
    duplicated: count("duplicated", "reordered", "invented"),
    garbled: count("garbled", "retracted"),
    gaps: count("gap", "diverged"),
    hangs: count("hang", "crash"),
    "next frame p50": seconds(recoveries[Math.floor(recoveries.length / 2)] ?? 0),
    "next frame max": seconds(recoveries.at(-1) ?? 0),
    "longest silence": seconds(Math.max(0, ...results.map(({ longestSilenceMs }) => longestSilenceMs))),
    "slowest rest": seconds(Math.max(0, ...results.map(({ settledMs }) => settledMs))),
  };
}

export function isClean({ lost, duplicated, garbled, gaps, hangs }: Outcome): boolean {
  return lost + duplicated + garbled + gaps + hangs === 0;
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

/** The table as the docs have it. */
export function markdown(outcomes: readonly Outcome[]): string {
  const [first] = outcomes;
  if (first === undefined) return "";
  const names = Object.keys(first);
  const line = (cells: readonly unknown[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(names),
    line(names.map((_, index) => (index === 0 ? "---" : "--:"))),
    ...outcomes.map((each) => line(Object.values(each))),
  ].join("\n");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
