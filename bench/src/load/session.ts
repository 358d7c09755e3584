import type { Progress, Recorder } from "../measure/recorder.ts";
import type { NamedProcess } from "../measure/window.ts";

export type EventKind = "input" | "observe";

/** One event under way. `intendedAt`: when the load meant to send it, in milliseconds of `performance.now()`. */
export interface Sent {
  readonly seq: number;
  readonly kind: EventKind;
  readonly intendedAt: number;
  /** False during warm-up: it is sent and checked like the others, but is in no figure. */
  readonly counted: boolean;
}

/** One session under load: what it was sent and, told by the system it belongs to, what became of that. */
export abstract class LoadSession {
  readonly name: string;
  /** What it should hold, to be compared with what the system says at the end. */
  readonly offered: Record<EventKind, number> = { input: 0, observe: 0 };
  /** What is wrong so far, as sentences. */
  readonly faults: string[] = [];
  protected readonly progress: Progress;
  /** Inputs whose turn has not ended. */
  protected readonly inputs = new Map<number, Sent>();
  #observes = 0;
  #seq = 0;

  constructor(name: string, progress: Progress) {
    this.name = name;
    this.progress = progress;
  }

  /** Undefined where no workflow stands behind it. */
  abstract readonly workflowId: string | undefined;

  /** Sends events in order, as soon as the caller's turn of the event loop ends. */
  protected abstract send(events: Sent[]): void;

  /** Sentences saying what was lost, duplicated or garbled; empty when all is well. Call when nothing is unsettled. */
  abstract verify(): Promise<string[]>;

  /** Events not yet settled: an input until its final frame, an observe until durable. */
  get unsettled(): number {
    return this.inputs.size + this.#observes;
  }

  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void {
    const events = burst.map((kind): Sent => ({ seq: ++this.#seq, kind, intendedAt, counted }));
    for (const sent of events) {
      this.offered[sent.kind]++;
      if (sent.kind === "input") this.inputs.set(sent.seq, sent);
      else this.#observes++;
    }
    this.send(events);
  }

  protected durable(sent: Sent): void {
    if (sent.kind === "observe") this.#observes--;
    this.progress.durable(sent);
  }

  protected final(seq: number): void {
    const sent = this.inputs.get(seq);
    this.inputs.delete(seq);
    if (sent !== undefined) this.progress.final(sent);
  }

  protected first(seq: number): void {
    const sent = this.inputs.get(seq);
    if (sent !== undefined) this.progress.first(sent);
  }

  /** It is not waited for any more. */
  protected lost({ kind, seq }: Sent): void {
    if (kind === "observe") this.#observes--;
    this.inputs.delete(seq);
  }
}

/** A system that takes the load. All targets of a run share one Temporal and one Valkey. */
export interface LoadTarget {
  readonly name: "holdfast" | "floor" | "bareTemporal";
  /** Its own processes, without those that all targets share. */
  readonly processes: NamedProcess[];
  /** The recorder is told of each session by its place in the list. */
  open(count: number, recorder: Recorder): Promise<LoadSession[]>;
  /** Ends the sessions opened so far; what they were sent stays. */
  closeSessions(): Promise<void>;
  close(): Promise<void>;
}
