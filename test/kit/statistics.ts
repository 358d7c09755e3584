/** Mulberry32: small, seeded, the same on every machine. Numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the targets; `pick`: 0 ≤ pick < 1. */
export function picked<T>(targets: readonly T[], pick: number): T {
  const target = targets[Math.floor(pick * targets.length)];
  if (target === undefined) throw new Error("There is nothing to pick from.");
  return target;
}

/** The value below or at which this share of them is; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** A point of a series: how much had happened, and what was measured then. */
export interface Point {
  x: number;
  y: number;
}

/** Change of y per unit of x, and the interval it lies in with 95 % confidence. */
export interface Slope {
  slope: number;
  low: number;
  high: number;
}

/**
 * The median of the slopes of all pairs: a third of the points may be anything (a collection that came late, a neighbour's
 * load) without moving it. The interval is Sen's, from the spread Kendall's statistic has when there is no trend.
 */
export function theilSen(points: readonly Point[]): Slope {
  const slopes = points
    .flatMap((a, index) => points.slice(index + 1).flatMap((b) => (b.x === a.x ? [] : [(b.y - a.y) / (b.x - a.x)])))
    .toSorted((a, b) => a - b);
  if (slopes.length === 0) return { slope: 0, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const n = points.length;
  const spread = 1.96 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const low = Math.round((slopes.length - spread) / 2 - 1);
  const high = Math.round((slopes.length + spread) / 2);
  return {
    slope: median(slopes),
    low: slopes[low] ?? Number.NEGATIVE_INFINITY,
    high: slopes[high] ?? Number.POSITIVE_INFINITY,
  };
}
