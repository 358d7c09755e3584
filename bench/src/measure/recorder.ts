import { build } from "hdr-histogram-js";
import type { Sent } from "../load/session.ts";

const LONGEST_MICROSECONDS = 600_000_000;

/** Latencies from 1 µs to 10 minutes at three significant digits. A longer one is recorded as 10 minutes. */
export class Latency {
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
  });

  /** Negative values come from the two ends of a clock reading and count as the shortest. */
  record(milliseconds: number): void {
    const microseconds = Math.round(milliseconds * 1_000);
    this.#histogram.recordValue(Math.min(Math.max(microseconds, 1), LONGEST_MICROSECONDS));
  }

  /** Milliseconds. `null` where nothing was recorded. */
  percentiles() {
    const count = this.#histogram.totalCount;
    const at = (percentile: number): number | null =>
      count === 0 ? null : this.#histogram.getValueAtPercentile(percentile) / 1_000;
    return { count, p50: at(50), p95: at(95), p99: at(99), max: at(100) };
  }
}

/** Collects what a run's sessions tell. Latencies are of counted events only; completions of all. */
export class Recorder {
  readonly #durable = new Latency();
  readonly #first = new Latency();
  readonly #final = new Latency();
  readonly #delay = new Latency();
  /** Refusals, retries, gaps and the like: harmless one by one, counted by name. */
  readonly notes: Record<string, number> = {};
  /** Events handed to their sessions, those that became durable, and turns that ended: of warm-up too. */
  readonly completed = { offered: 0, durable: 0, turns: 0 };

  note(what: string): void {
    this.notes[what] = (this.notes[what] ?? 0) + 1;
  }

  /** Call when a burst of so many events is handed to its session. */
  offered(intendedAt: number, counted: boolean, events: number): void {
    this.completed.offered += events;
    record(this.#delay, { intendedAt, counted });
  }

  durable(sent: Sent): void {
    this.completed.durable++;
    record(this.#durable, sent);
  }

  /** The first output of the turn that took the input. */
  first(sent: Sent): void {
    record(this.#first, sent);
  }

  /** The turn's outcome. */
  final(sent: Sent): void {
    this.completed.turns++;
    record(this.#final, sent);
  }

  /** From the time an event was meant to be sent. */
  latencies() {
    return {
      eventToDurable: this.#durable.percentiles(),
      eventToFirstDelta: this.#first.percentiles(),
      eventToFinal: this.#final.percentiles(),
      /** How late the load generator itself was; large values mean that it, not the system, was the bottleneck. */
      generatorDelay: this.#delay.percentiles(),
    };
  }
}

function record(latency: Latency, { intendedAt, counted }: Pick<Sent, "intendedAt" | "counted">): void {
  if (counted) latency.record(performance.now() - intendedAt);
}
