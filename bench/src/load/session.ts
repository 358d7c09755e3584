import type { Recorder } from "../measure/recorder.ts";
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
  /** Called when an event is settled: an input by its final frame, an observe when it is durable. */
  onSettled: (() => void) | undefined;
  protected readonly recorder: Recorder;
  readonly #unsettled = new Map<number, Sent>();
  #seq = 0;

  constructor(name: string, recorder: Recorder) {
    this.name = name;
    this.recorder = recorder;
  }

  /** Undefined where no workflow stands behind it. */
  abstract readonly workflowId: string | undefined;

  /** Sends events in order, as soon as the caller's turn of the event loop ends. */
  protected abstract send(events: Sent[]): void;

  /** Sentences saying what was lost, duplicated or garbled; empty when all is well. Call when nothing is unsettled. */
  abstract verify(): Promise<string[]>;

  get unsettled(): number {
    return this.#unsettled.size;
  }

  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void {
    const events = burst.map((kind): Sent => ({ seq: ++this.#seq, kind, intendedAt, counted }));
    for (const sent of events) {
      this.offered[sent.kind]++;
      this.#unsettled.set(sent.seq, sent);
    }
    this.send(events);
  }

  protected durable(sent: Sent): void {
    this.recorder.durable(sent);
    if (sent.kind !== "observe") return;
    this.forget(sent.seq);
    this.onSettled?.();
  }

  protected first(seq: number): void {
    const sent = this.#unsettled.get(seq);
    if (sent !== undefined) this.recorder.first(sent);
  }

  protected final(seq: number): void {
    const sent = this.#unsettled.get(seq);
    if (sent === undefined) return;
    this.forget(seq);
    this.recorder.final(sent);
    this.onSettled?.();
  }

  protected isUnsettled(seq: number): boolean {
    return this.#unsettled.has(seq);
  }

  /** It is not waited for any more. */
  protected forget(seq: number): void {
    this.#unsettled.delete(seq);
  }
}

/** A system that takes the load. All targets of a run share one Temporal and one Valkey. */
export interface LoadTarget {
  readonly name: "holdfast" | "floor" | "bareTemporal" | "workflowStreams";
  /** Its own processes, without those that all targets share. */
  readonly processes: NamedProcess[];
  open(count: number, recorder: Recorder): Promise<LoadSession[]>;
  /** Ends the sessions opened so far; what they were sent stays. */
  closeSessions(): Promise<void>;
  close(): Promise<void>;
}
