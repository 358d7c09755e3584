import type { Progress, Sent } from "../load/target.ts";
import { Latency, type Percentiles } from "./latency.ts";

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
