import { eventSchema, LIMITS, sendRequestSchema, type Event, type Json } from "@holdfast/contract";
import { z } from "zod";
import { HoldfastError } from "./errors.ts";

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
 * `error` says why. Once a turn takes an input it is in `running.inputs` or `turns[].inputs`, under the same producer
 * and seq, and here no more.
 */
export interface PendingInput {
  readonly producer: string;
  readonly seq: number;
  readonly id?: string;
  readonly text: string;
  readonly data?: Json;
  readonly status: "sending" | "durable" | "refused";
  readonly error?: HoldfastError;
}

export interface OutboxEntryOptions {
  producer: string;
  event: Event;
  /** UTF-8 bytes of the event's JSON. */
  bytes: number;
  /** SPEC trace-1. It goes with the request and is not kept: an adopted event has none. */
  traceparent?: string | undefined;
}

/** An event on its way, from its number to its turn: sending → durable → applied (SPEC ack-1, ack-2). */
export class OutboxEntry implements Receipt {
  readonly producer: string;
  readonly event: Event;
  readonly bytes: number;
  readonly traceparent: string | undefined;
  readonly #durable = new Milestone();
  readonly #applied = new Milestone();
  #status: PendingInput["status"] = "sending";
  #error: HoldfastError | undefined;
  #pending: PendingInput | undefined;

  constructor({ producer, event, bytes, traceparent }: OutboxEntryOptions) {
    this.producer = producer;
    this.event = event;
    this.bytes = bytes;
    this.traceparent = traceparent;
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
    const { seq, id, text, data } = this.event;
    return (this.#pending ??= {
      producer: this.producer,
      seq,
      ...(id !== undefined && { id }),
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

/**
 * A promise for something that is reached or fails once. It is made when first asked for, since most events of a burst are never
 * awaited. It is never reported as unhandled, since a caller may be interested in one milestone and not in the other.
 */
export class Milestone {
  #outcome: "open" | "reached" | HoldfastError = "open";
  #deferred: PromiseWithResolvers<void> | undefined;

  get promise(): Promise<void> {
    if (this.#deferred === undefined) {
      this.#deferred = Promise.withResolvers<void>();
      this.#deferred.promise.catch(() => undefined);
      this.#settle();
    }
    return this.#deferred.promise;
  }

  reach(): void {
    this.#conclude("reached");
  }

  fail(error: HoldfastError): void {
    this.#conclude(error);
  }

  #conclude(outcome: "reached" | HoldfastError): void {
    if (this.#outcome !== "open") return;
    this.#outcome = outcome;
    this.#settle();
  }

  #settle(): void {
    if (this.#outcome === "open" || this.#deferred === undefined) return;
    if (this.#outcome === "reached") this.#deferred.resolve();
    else this.#deferred.reject(this.#outcome);
  }
}

export type PreparedEvent =
  /** `bytes`: UTF-8 bytes of its JSON. */
  { outcome: "ok"; event: Event; bytes: number } | { outcome: "refused"; error: HoldfastError };

const utf8 = new TextEncoder();

/**
 * Checks an event, and the trace it belongs to, as the edge will (SPEC send-2, send-3, §11), so that one bad event is refused alone
 * and at once. The result is a copy: were it the caller's own object, changing it later would give one number to two events
 * (send-4).
 */
export function prepareEvent(event: Event, traceparent?: string): PreparedEvent {
  let json: string;
  try {
    json = JSON.stringify(event);
  } catch (error) {
    return { outcome: "refused", error: new HoldfastError("invalid", `data: ${String(error)}`, { cause: error }) };
  }
  const bytes = utf8.encode(json).byteLength;
  if (bytes > LIMITS.eventBytes) return tooLarge("eventBytes", bytes);
  if (event.kind === "input" && event.text.length * 3 > LIMITS.inputTextBytes) {
    const textBytes = utf8.encode(event.text).byteLength;
    if (textBytes > LIMITS.inputTextBytes) return tooLarge("inputTextBytes", textBytes);
  }
  const traced = sendRequestSchema.shape.traceparent.safeParse(traceparent);
  if (!traced.success) {
    return { outcome: "refused", error: new HoldfastError("invalid", `traceparent: ${z.prettifyError(traced.error)}`) };
  }
  const parsed = eventSchema.safeParse(JSON.parse(json));
  if (parsed.success) return { outcome: "ok", event: parsed.data, bytes };
  return { outcome: "refused", error: new HoldfastError("invalid", z.prettifyError(parsed.error)) };
}

function tooLarge(limit: "eventBytes" | "inputTextBytes", bytes: number): PreparedEvent {
  const message = `${bytes} bytes are over the limit ${limit}, ${LIMITS[limit]}. Send less.`;
  return { outcome: "refused", error: new HoldfastError("too_large", message) };
}
