import { median, theilSen } from "../kit/statistics.ts";

/** How much a measured level may grow, extrapolated to 1,000 connections made or 1,000 turns taken. */
interface Bound {
  per: "connections" | "turns";
  most: number;
}

/** What a reading is of. */
interface Measure {
  unit: "MB" | "KB" | "ms" | "";
  /**
   * How the samples of a window become one point. `least`: of memory, where whatever is above the least was about to be
   * freed. `middle`: of levels that go up and down with the load.
   */
  of: "least" | "middle";
  /** Left out: shown, and not judged. */
  bound?: Bound;
}

/**
 * The bounds are stated by what one leak would cost. Whatever keeps a connection, a reader, a feed or a turn keeps at least some
 * 500 bytes of it, and an entry of a map under a session's or a subject's name some 250: 0.25 MB in 1,000. A socket, a
 * subscription or a gauge that is not given back by one kind of departure in ten is 100 in 1,000.
 */
const HEAP = 0.25;
/**
 * What a process got from the system in its busiest moment it seldom gives back, so this climbs in steps for longer than a
 * warm-up. It is for what no heap shows: native code that keeps 8 KB of every connection.
 */
const RESIDENT = 8;
const HANDLES = 2;
const LEVEL = 10;

const memory = (most: number, per: Bound["per"] = "connections"): Measure => {
  return { unit: "MB", of: "least", bound: { per, most } };
};
const level = (most: number, unit: Measure["unit"] = ""): Measure => {
  return { unit, of: "middle", bound: { per: "connections", most } };
};

export const MEASURES = {
  "kept heap": memory(HEAP),
  "kept heap, by turns": memory(HEAP, "turns"),
  "kept heap of threads, by turns": memory(HEAP, "turns"),
  "resident memory": memory(RESIDENT),
  /** Temporal's development server keeps the histories of all runs of the last day in its memory. */
  "resident memory with data": { unit: "MB", of: "least" },
  handles: level(HANDLES),
  connections: level(LEVEL),
  feeds: level(LEVEL),
  subscriptions: level(LEVEL),
  queues: level(LEVEL),
  "waiting events": level(LEVEL),
  "waiting KB": level(LEVEL, "KB"),
  "outgoing KB": level(LEVEL, "KB"),
  "signals in flight": level(LEVEL),
  "paused readers": level(LEVEL),
  "model calls": level(LEVEL),
  "event loop lag, p99": { unit: "ms", of: "middle" },
  "memory beside sessions": memory(HEAP),
  "memory of sessions": { unit: "MB", of: "middle" },
  keys: level(LEVEL),
  /** Of sessions somebody has looked at and nobody has said anything to: they expire, but only after most of a run. */
  "keys of empty sessions": { unit: "", of: "middle" },
  "keys beside sessions": level(10 * LEVEL),
  "keys that never expire": level(0),
  channels: level(LEVEL),
  clients: level(HANDLES),
  "open workflows": level(0),
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;

/** One measured value of one process. */
export interface Reading {
  process: string;
  measure: MeasureName;
  value: number;
}

/** When something was measured: milliseconds since the clients began, and how much had happened by then. */
interface Moment {
  atMs: number;
  connections: number;
  turns: number;
}

/** Readings taken together. */
export interface Sample extends Moment {
  readings: readonly Reading[];
}

/** One measure of one process over time. */
export interface Series extends Omit<Reading, "value"> {
  points: (Moment & { value: number })[];
}

/** The samples by process and measure, in the order these first appear. */
export function seriesOf(samples: readonly Sample[]): Series[] {
  const found = new Map<string, Series>();
  for (const { readings, ...moment } of samples) {
    for (const { process, measure, value } of readings) {
      const id = `${process}\n${measure}`;
      const series = found.get(id) ?? { process, measure, points: [] };
      series.points.push({ ...moment, value });
      found.set(id, series);
    }
  }
  return [...found.values()];
}

/**
 * - `flat`: extrapolated, it stays within its bound.
 * - `leak`: it does not, and not by chance: the whole 95 % interval is beyond the bound.
 * - `unsure`: it may or may not; a longer run tells.
 * - `shown`: there is no bound.
 */
type Verdict = "flat" | "leak" | "unsure" | "shown";

/** More points tell no more, and their pairs are counted. */
const MOST_POINTS = 120;
const SAMPLES_PER_POINT = 3;
/** With fewer there is no slope that could not be chance. */
const FEWEST_POINTS = 5;
/** Connections, or turns, after the warm-up: before, pools and compiled code are still on their way to their size. */
const FEWEST_EVENTS = 2_000;

export type Judgement = ReturnType<typeof judge>;

/** Judges what comes after the first third, which is for caches and pools to fill. */
export function judge({ process, measure, points }: Series) {
  const { unit, of, bound }: Measure = MEASURES[measure];
  const axis = bound?.per ?? "connections";
  const thinned = thin(points.slice(Math.floor(points.length / 3)), of);
  const values = thinned.map(({ value }) => value);
  const fifth = Math.max(1, Math.floor(thinned.length / 5));
  const trend = theilSen(thinned.map((point) => ({ x: point[axis] / 1_000, y: point.value })));
  const hourly = theilSen(thinned.map(({ atMs, value }) => ({ x: atMs / 3_600_000, y: value })));
  const events = (thinned.at(-1)?.[axis] ?? 0) - (thinned[0]?.[axis] ?? 0);
  const isLong = thinned.length >= FEWEST_POINTS && events >= FEWEST_EVENTS;
  return {
    process,
    measure,
    unit,
    /** Medians of the first and the last fifth of the points. */
    before: median(values.slice(0, fifth)),
    after: median(values.slice(-fifth)),
    perHour: hourly.slope,
    /** Per 1,000 of what the bound counts, with its 95 % interval. */
    perThousand: trend.slope,
    low: trend.low,
    high: trend.high,
    bound,
    verdict: verdictOf(bound, trend, isLong),
  };
}

function verdictOf(bound: Bound | undefined, { slope, low }: { slope: number; low: number }, isLong: boolean): Verdict {
  if (bound === undefined) return "shown";
  if (!isLong) return "unsure";
  if (slope <= bound.most) return "flat";
  return low > bound.most ? "leak" : "unsure";
}

/** One point for each few neighbours. */
function thin(points: Series["points"], of: Measure["of"]): Series["points"] {
  const each = Math.max(SAMPLES_PER_POINT, Math.ceil(points.length / MOST_POINTS));
  return points.flatMap((point, index) => {
    if ((index + 1) % each !== 0) return [];
    const values = points.slice(index + 1 - each, index + 1).map(({ value }) => value);
    return [{ ...point, value: of === "least" ? Math.min(...values) : median(values) }];
  });
}

/** A row of a run's table. */
export function rowOf(judgement: Judgement): Record<string, string> {
  const { process, measure, unit, before, after, perHour, perThousand, low, high, bound, verdict } = judgement;
  return {
    process,
    measure: unit === "" ? measure : `${measure} (${unit})`,
    "after warm-up": shown(before),
    end: shown(after),
    "per hour": shown(perHour),
    "per 1,000": bound === undefined ? "" : `${shown(perThousand)} (${shown(low)} … ${shown(high)})`,
    bound: bound === undefined ? "" : `${bound.most} ${bound.per}`,
    verdict,
  };
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (value === 0) return "0";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 3);
}
