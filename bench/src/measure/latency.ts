import { build, type Histogram } from "hdr-histogram-js";

/** Milliseconds. `null` where nothing was recorded. */
export interface Percentiles {
  count: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
}

/** Latencies from 1 µs to 10 minutes at three significant digits. A longer one is recorded as 10 minutes. */
export class Latency {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
  });

  /** Negative values come from the two ends of a clock reading and count as the shortest. */
  record(milliseconds: number): void {
    const microseconds = Math.round(milliseconds * 1_000);
    this.#histogram.recordValue(Math.min(Math.max(microseconds, 1), LONGEST_MICROSECONDS));
  }

  add(other: Latency): void {
    this.#histogram.add(other.#histogram);
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  percentiles(): Percentiles {
    const at = (percentile: number): number | null =>
      this.count === 0 ? null : this.#histogram.getValueAtPercentile(percentile) / 1_000;
    return { count: this.count, p50: at(50), p95: at(95), p99: at(99), max: at(100) };
  }
}

const LONGEST_MICROSECONDS = 600_000_000;
