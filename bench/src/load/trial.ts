import { setTimeout as sleep } from "node:timers/promises";
import { sum } from "@holdfast/test/kit/statistics";
import { until } from "@holdfast/test/kit/wait";
import { type LatencyFigures, Recorder } from "../measure/recorder.ts";
import { type Gauges, type NamedProcess, openWindow, type WindowCounts } from "../measure/window.ts";
import { type LoadShape, offerLoad } from "./pacer.ts";

export type EventKind = "input" | "observe";

/** One event under way. `intendedAt`: when the load meant to send it, in milliseconds of `performance.now()`. */
export interface Sent {
  readonly seq: number;
  readonly kind: EventKind;
  readonly intendedAt: number;
  /** False during warm-up: it is sent and checked like the others, but is in no figure. */
  readonly counted: boolean;
}

/** What became of events, told as it happens. An input goes through all three, an observe is `durable` only. */
export interface Progress {
  durable(sent: Sent): void;
  /** The first output of the turn that took the input. */
  first(sent: Sent): void;
  /** The turn's outcome. */
  final(sent: Sent): void;
  /** A refusal, a retry, a gap: harmless one by one, counted by name. */
  note(what: string): void;
}

/** The progress of the session with this number (0, 1, 2 … in the order of the list that `open` gives). */
export type ProgressOf = (ordinal: number) => Progress;

/** What a session should hold, told by the load, to be compared with what the system says at the end. */
export interface Offered {
  inputs: number;
  observes: number;
}

/** One session under load. */
export interface LoadSession {
  readonly name: string;
  /** Undefined where no workflow stands behind it. */
  readonly workflowId: string | undefined;
  readonly offered: Offered;
  /** Events not yet settled: an input until its final frame, an observe until durable. */
  readonly unsettled: number;
  /** Takes a burst; sends it in order, as soon as the caller's turn of the event loop ends. */
  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void;
  /** Sentences saying what was lost, duplicated or garbled; empty when all is well. Call when nothing is unsettled. */
  verify(): Promise<string[]>;
}

/** A system that takes the load. All targets of a run share one Temporal and one Valkey. */
export interface LoadTarget {
  readonly name: "holdfast" | "floor" | "bareTemporal";
  /** Its own processes, without those that all targets share. */
  readonly processes: NamedProcess[];
  open(count: number, progressOf: ProgressOf): Promise<LoadSession[]>;
  /** Ends the sessions opened so far; what they were sent stays. */
  closeSessions(): Promise<void>;
  close(): Promise<void>;
}

export interface TrialOptions {
  sessions: number;
  shape: LoadShape;
  warmupSeconds: number;
  /** Of one window; a trial has as many as `round` is called. */
  seconds: number;
}

/** Longer than any backlog a run that is worth its figures leaves behind. */
const SETTLE_TIMEOUT_MS = 180_000;

export interface TrialFigures {
  latency: LatencyFigures;
  windows: WindowCounts[];
  notes: Record<string, number>;
  /** Sentences; empty when nothing was lost, duplicated or garbled. */
  faults: string[];
}

/** One target under one load, measured in several windows so that other targets can be measured between them. */
export class Trial {
  readonly target: LoadTarget;
  readonly #settings: TrialOptions;
  readonly #gauges: Gauges;
  readonly #recorder = new Recorder();
  readonly #windows: WindowCounts[] = [];
  readonly #faults: string[] = [];
  #sessions: LoadSession[] = [];

  private constructor(target: LoadTarget, settings: TrialOptions, gauges: Gauges) {
    this.target = target;
    this.#settings = settings;
    this.#gauges = { ...gauges, processes: [...gauges.processes, ...target.processes] };
  }

  static async prepare(target: LoadTarget, settings: TrialOptions, gauges: Gauges): Promise<Trial> {
    const trial = new Trial(target, settings, gauges);
    trial.#sessions = await target.open(settings.sessions, (ordinal) => trial.#recorder.progressOf(ordinal));
    return trial;
  }

  /** Warm-up, one measured window, and the wait until everything under way has settled. */
  async round(): Promise<void> {
    const { shape, warmupSeconds, seconds } = this.#settings;
    let counting = false;
    const offering = offerLoad(
      shape,
      this.#sessions,
      this.#recorder,
      (warmupSeconds + seconds) * 1_000,
      () => counting,
    );
    await sleep(warmupSeconds * 1_000);
    const close = await openWindow(this.#gauges, this.#recorder);
    counting = true;
    await sleep(seconds * 1_000);
    this.#windows.push(await close());
    await offering;
    await this.#settle();
  }

  async #settle(): Promise<void> {
    const unsettled = (): number => sum(this.#sessions, (session) => session.unsettled);
    const settled = until("all is settled", () => unsettled() === 0, SETTLE_TIMEOUT_MS, 50);
    await settled.catch(() => {
      this.#faults.push(`${unsettled()} events of ${this.target.name} were not settled after the load had ended.`);
    });
  }

  /** Compares what was sent with what the system holds, a few sessions at a time. Call after the last round. */
  async figures(): Promise<TrialFigures> {
    const faults = [...this.#faults];
    for (let first = 0; first < this.#sessions.length; first += 8) {
      const some = this.#sessions.slice(first, first + 8);
      faults.push(...(await Promise.all(some.map((session) => session.verify()))).flat());
    }
    return { latency: this.#recorder.figures(), windows: this.#windows, notes: this.#recorder.notes, faults };
  }
}
