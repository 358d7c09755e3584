import { build, type Histogram } from "hdr-histogram-js";
import type { Progress, Sent } from "../load/trial.ts";

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

export interface LatencyFigures {
  /** Milliseconds from the time an event was meant to be sent. */
  eventToDurable: Percentiles;
  eventToFirstDelta: Percentiles;
  eventToFinal: Percentiles;
  /** How late the load generator itself was; large values mean that it, not the system, was the bottleneck. */
  generatorDelay: Percentiles;
}

/** Counts of what happened between two readings, whether or not the event was sent between them. */
export interface Completions {
  /** Events handed to their sessions. */
  offered: number;
  durable: number;
  turns: number;
}

/** Collects what a run's sessions tell. Latencies are of counted events only; completions of all. */
export class Recorder {
  readonly #durable = new Latency();
  readonly #first = new Latency();
  readonly #final = new Latency();
  readonly #delay = new Latency();
  /** Refusals, retries, gaps and the like, by name. */
  readonly notes: Record<string, number> = {};
  readonly completed: Completions = { offered: 0, durable: 0, turns: 0 };
  /** Called when an event of the session with this number is settled, so that a closed loop can send the next. */
  onSettled: ((ordinal: number) => void) | undefined;

  /** Call when a burst of so many events is handed to its session. */
  offered(intendedAt: number, counted: boolean, events: number): void {
    this.completed.offered += events;
    if (counted) this.#delay.record(performance.now() - intendedAt);
  }

  progressOf(ordinal: number): Progress {
    const record = (latency: Latency, sent: Sent): void => {
      if (sent.counted) latency.record(performance.now() - sent.intendedAt);
    };
    return {
      durable: (sent) => {
        this.completed.durable++;
        record(this.#durable, sent);
        if (sent.kind === "observe") this.onSettled?.(ordinal);
      },
      first: (sent) => record(this.#first, sent),
      final: (sent) => {
        this.completed.turns++;
        record(this.#final, sent);
        this.onSettled?.(ordinal);
      },
      note: (what) => {
        this.notes[what] = (this.notes[what] ?? 0) + 1;
      },
    };
  }

  figures(): LatencyFigures {
    return {
      eventToDurable: this.#durable.percentiles(),
      eventToFirstDelta: this.#first.percentiles(),
      eventToFinal: this.#final.percentiles(),
      generatorDelay: this.#delay.percentiles(),
    };
  }
}
