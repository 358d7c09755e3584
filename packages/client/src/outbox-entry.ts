import type { Event, Json } from "@holdfast/contract";
import type { HoldfastError } from "./errors.ts";
import { Milestone } from "./milestone.ts";

/**
 * What `send` and `observe` return. Both promises reject only when the event is refused for good or the session is closed;
 * neither has to be awaited.
 */
export interface Receipt {
  readonly producer: string;
  /** The event's number with its producer (SPEC send-4). */
  readonly seq: number;
  /** Temporal has persisted the event (SPEC ack-1). */
  readonly durable: Promise<void>;
  /** A turn has taken the input; an observe is applied when durable (SPEC ack-2). */
  readonly applied: Promise<void>;
}

/**
 * An input that is in no turn yet. `durable`: it will be, whatever happens to this client. `refused`: it never will be, and
 * `error` says why. Once a turn takes an input it is in `streaming.inputs` or `turns[].inputs`, under the same producer
 * and seq, and here no more.
 */
export interface PendingInput {
  readonly producer: string;
  readonly seq: number;
  readonly text: string;
  readonly data?: Json;
  readonly status: "sending" | "durable" | "refused";
  readonly error?: HoldfastError;
}

export class OutboxEntry implements Receipt {
  readonly producer: string;
  readonly event: Event;
  readonly bytes: number;
  readonly #durable = new Milestone();
  readonly #applied = new Milestone();
  #status: PendingInput["status"] = "sending";
  #error: HoldfastError | undefined;
  #pending: PendingInput | undefined;

  constructor(producer: string, event: Event, bytes: number) {
    this.producer = producer;
    this.event = event;
    this.bytes = bytes;
  }

  get seq(): number {
    return this.event.seq;
  }

  get durable(): Promise<void> {
    return this.#durable.promise;
  }

  get applied(): Promise<void> {
    return this.#applied.promise;
  }

  get status(): PendingInput["status"] {
    return this.#status;
  }

  /** For the view; undefined for an observe. The same object until something about it changes. */
  get pending(): PendingInput | undefined {
    if (this.event.kind !== "input") return undefined;
    const { seq, text, data } = this.event;
    return (this.#pending ??= {
      producer: this.producer,
      seq,
      text,
      ...(data !== undefined && { data }),
      status: this.#status,
      ...(this.#error !== undefined && { error: this.#error }),
    });
  }

  becomeDurable(): void {
    this.#change("durable");
    this.#durable.reach();
    if (this.event.kind === "observe") this.#applied.reach();
  }

  becomeApplied(): void {
    this.#durable.reach();
    this.#applied.reach();
  }

  refuse(error: HoldfastError): void {
    this.#error = error;
    this.#change("refused");
    this.abandon(error);
  }

  /** Settles the promises only: what is to become of the event is not known here. */
  abandon(error: HoldfastError): void {
    this.#durable.fail(error);
    this.#applied.fail(error);
  }

  #change(status: PendingInput["status"]): void {
    this.#status = status;
    this.#pending = undefined;
  }
}
