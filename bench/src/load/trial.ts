import { openWindow, type Gauges, type WindowCounts } from "../measure/window.ts";
import { Recorder, type LatencyFigures } from "../measure/recorder.ts";
import { offerLoad, type LoadShape } from "./shape.ts";
import type { LoadSession, LoadTarget } from "./target.ts";

export interface TrialSettings {
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
  readonly #settings: TrialSettings;
  readonly #gauges: Gauges;
  readonly #recorder = new Recorder();
  readonly #windows: WindowCounts[] = [];
  readonly #faults: string[] = [];
  #sessions: LoadSession[] = [];

  private constructor(target: LoadTarget, settings: TrialSettings, gauges: Gauges) {
    this.target = target;
    this.#settings = settings;
    this.#gauges = { ...gauges, processes: [...gauges.processes, ...target.processes] };
  }

  static async prepare(target: LoadTarget, settings: TrialSettings, gauges: Gauges): Promise<Trial> {
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
    await pause(warmupSeconds * 1_000);
    const close = await openWindow(this.#gauges, this.#recorder);
    counting = true;
    await pause(seconds * 1_000);
    this.#windows.push(await close());
    await offering;
    await this.#settle();
  }

  async #settle(): Promise<void> {
    const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS;
    for (;;) {
      const unsettled = this.#sessions.reduce((sum, session) => sum + session.unsettled, 0);
      if (unsettled === 0) return;
      if (performance.now() > giveUpAt) {
        this.#faults.push(`${unsettled} events of ${this.target.name} were not settled after the load had ended.`);
        return;
      }
      await pause(50);
    }
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

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
