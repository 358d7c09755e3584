import { type Bound, type Measure, MEASURES } from "./bounds.ts";
import type { Series } from "./series.ts";
import { median, theilSen } from "./theil-sen.ts";

/**
 * - `flat`: extrapolated, it stays within its bound.
 * - `leak`: it does not, and not by chance: the whole 95 % interval is beyond the bound.
 * - `unsure`: it may or may not; a longer run tells.
 * - `shown`: there is no bound.
 */
export type Verdict = "flat" | "leak" | "unsure" | "shown";

/** What became of one series after its warm-up. */
export interface Judgement {
  process: string;
  measure: Series["measure"];
  unit: Measure["unit"];
  /** Medians of the first and the last fifth of the points. */
  before: number;
  after: number;
  perHour: number;
  /** Per 1,000 of what the bound counts, with its 95 % interval. */
  perThousand: number;
  low: number;
  high: number;
  bound: Bound | undefined;
  verdict: Verdict;
}

/** More points tell no more, and their pairs are counted. */
const MOST_POINTS = 120;
const SAMPLES_PER_POINT = 3;
/** With fewer there is no slope that could not be chance. */
const FEWEST_POINTS = 5;
/** Connections, or turns, after the warm-up: before, pools and compiled code are still on their way to their size. */
const FEWEST_EVENTS = 2_000;

type Points = Series["points"];

/** Judges what comes after the first third, which is for caches and pools to fill. */
export function judge({ process, measure, points }: Series): Judgement {
  const { unit, of, bound }: Measure = MEASURES[measure];
  const thinned = thin(points.slice(Math.floor(points.length / 3)), of);
  const fifth = Math.max(1, Math.floor(thinned.length / 5));
  const values = thinned.map(({ value }) => value);
  const axis = bound?.per ?? "connections";
  const { slope, low, high } = theilSen(thinned.map((point) => ({ x: point[axis] / 1_000, y: point.value })));
  const hourly = theilSen(thinned.map(({ atMs, value }) => ({ x: atMs / 3_600_000, y: value })));
  return {
    process,
    measure,
    unit,
    before: median(values.slice(0, fifth)),
    after: median(values.slice(-fifth)),
    perHour: hourly.slope,
    perThousand: slope,
    low,
    high,
    bound,
    verdict: bound === undefined ? "shown" : verdictOf(bound.most, slope, isShort(thinned, axis) ? undefined : low),
  };
}

/** `low`: undefined where the run was too short to tell. */
function verdictOf(most: number, slope: number, low: number | undefined): Verdict {
  if (low === undefined) return "unsure";
  if (slope <= most) return "flat";
  return low > most ? "leak" : "unsure";
}

function isShort(points: Points, axis: Bound["per"]): boolean {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < FEWEST_POINTS) return true;
  return last[axis] - first[axis] < FEWEST_EVENTS;
}

/** One point for each few neighbours. */
function thin(points: Points, of: Measure["of"]): Points {
  const each = Math.max(SAMPLES_PER_POINT, Math.ceil(points.length / MOST_POINTS));
  const thinned: Points = [];
  for (let first = 0; first + each <= points.length; first += each) {
    const window = points.slice(first, first + each);
    const values = window.map(({ value }) => value);
    const last = window.at(-1);
    if (last !== undefined) thinned.push({ ...last, value: of === "least" ? Math.min(...values) : median(values) });
  }
  return thinned;
}
