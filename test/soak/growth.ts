import { median, theilSen } from "../kit/statistics.ts";

/** How much a measured level may grow, extrapolated to 1,000 connections made or 1,000 turns taken. */
export interface Bound {
  per: "connections" | "turns";
  most: number;
}

/** What a reading is of. */
export interface Measure {
  unit: "MB" | "KB" | "ms" | "";
  /**
   * How the samples of a window become one point. `least`: of memory, where whatever is above the least was about to be
   * freed. `middle`: of levels that go up and down with the load.
   */
  of: "least" | "middle";
  /** Left out: shown, and not judged. */
  bound?: Bound;
}

const perConnection = (most: number): Bound => ({ per: "connections", most });
const perTurn = (most: number): Bound => ({ per: "turns", most });
const level = (most: number): Measure => ({ unit: "", of: "middle", bound: perConnection(most) });

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

export const MEASURES = {
  "kept heap": { unit: "MB", of: "least", bound: perConnection(HEAP) },
  "kept heap, by turns": { unit: "MB", of: "least", bound: perTurn(HEAP) },
  "kept heap of threads, by turns": { unit: "MB", of: "least", bound: perTurn(HEAP) },
  "resident memory": { unit: "MB", of: "least", bound: perConnection(RESIDENT) },
  /** Temporal's development server keeps the histories of all runs of the last day in its memory. */
  "resident memory with data": { unit: "MB", of: "least" },
  handles: level(HANDLES),
  connections: level(LEVEL),
  feeds: level(LEVEL),
  subscriptions: level(LEVEL),
  queues: level(LEVEL),
  "waiting events": level(LEVEL),
  "waiting KB": { unit: "KB", of: "middle", bound: perConnection(LEVEL) },
  "outgoing KB": { unit: "KB", of: "middle", bound: perConnection(LEVEL) },
  "signals in flight": level(LEVEL),
  "paused readers": level(LEVEL),
  "model calls": level(LEVEL),
  "event loop lag, p99": { unit: "ms", of: "middle" },
  "memory beside sessions": { unit: "MB", of: "least", bound: perConnection(HEAP) },
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

/** Readings taken together, and how much had happened by then. */
export interface Sample {
  /** Milliseconds since the clients began. */
  atMs: number;
  connections: number;
  turns: number;
  readings: readonly Reading[];
}

/** One measure of one process over time. */
export interface Series {
  process: string;
  measure: MeasureName;
  points: { atMs: number; connections: number; turns: number; value: number }[];
}

/** The samples by process and measure, in the order these first appear. */
export function seriesOf(samples: readonly Sample[]): Series[] {
  const found = new Map<string, Series>();
  for (const { atMs, connections, turns, readings } of samples) {
    for (const { process, measure, value } of readings) {
      const id = `${process}\n${measure}`;
      const series = found.get(id) ?? { process, measure, points: [] };
      series.points.push({ atMs, connections, turns, value });
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
