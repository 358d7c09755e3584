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
  return {
    slope: median(slopes),
    low: at(slopes, (slopes.length - spread) / 2 - 1),
    high: at(slopes, (slopes.length + spread) / 2),
  };
}

/** Of ascending or unordered numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

function at(sorted: readonly number[], index: number): number {
  if (index < 0) return Number.NEGATIVE_INFINITY;
  return sorted[Math.round(index)] ?? Number.POSITIVE_INFINITY;
}
