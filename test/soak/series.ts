import type { MeasureName } from "./bounds.ts";

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
