import type { Judgement } from "./verdict.ts";

/** The table of a run, one row for each measure of each process. */
export function rowsOf(judgements: readonly Judgement[]): Record<string, string>[] {
  return judgements.map(
    ({ process, measure, unit, before, after, perHour, perThousand, low, high, bound, verdict }) => ({
      process,
      measure: unit === "" ? measure : `${measure} (${unit})`,
      "after warm-up": shown(before),
      end: shown(after),
      "per hour": shown(perHour),
      "per 1,000": bound === undefined ? "" : `${shown(perThousand)} (${shown(low)} … ${shown(high)})`,
      bound: bound === undefined ? "" : `${bound.most} ${bound.per}`,
      verdict,
    }),
  );
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (value === 0) return "0";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 3);
}
