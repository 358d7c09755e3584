import { LIMITS, type WireError } from "@holdfast/contract";
import type { SendAnswer } from "./answers.ts";
import { Backoff } from "./backoff.ts";
import { edgeError, type HoldfastError } from "./errors.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import type { Batch, OutboxQueue } from "./outbox-queue.ts";
import type { Tuning } from "./tuning.ts";
import type { Wire } from "./wire.ts";

export interface SenderOptions {
  session: string;
  producer: string;
  tuning: Tuning;
  random: () => number;
}

export interface SenderListener {
  durable(entries: OutboxEntry[]): void;
  /** SPEC send-6: the edge will never take this one. */
  refused(entry: OutboxEntry, error: HoldfastError): void;
  /** The edge does not know the session as open on this connection; `attach` when it is. */
  notOpen(): void;
  /** The edge takes nothing for this session. */
  sessionRefused(error: HoldfastError): void;
}

/**
 * Sends one producer's queue over one connection after the other: several requests at a time, in order. When one is not
 * taken, those behind it are not either (SPEC send-5), so all outstanding answers are awaited and everything not yet
 * durable is sent again from the first event on. Nothing is given up, and nothing is skipped but what was refused for good.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #queue: OutboxQueue;
  readonly #listener: SenderListener;
  readonly #backoff: Backoff;
  #wire: Wire | undefined;
  /** Counts attachments: an answer to a request of an earlier one says nothing about the order on this one. */
  #epoch = 0;
  #inFlight = 0;
  /** A request was taken on this connection. */
  #established = false;
  /** Set while answers are awaited before sending again: the milliseconds to wait after the last one. */
  #retryDelayMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #scheduled = false;
  #maxEvents: number = LIMITS.eventsPerSend;

  constructor(options: SenderOptions, queue: OutboxQueue, listener: SenderListener) {
    this.#options = options;
    this.#queue = queue;
    this.#listener = listener;
    const { backoffBaseMs, backoffMaxMs } = options.tuning;
    this.#backoff = new Backoff({ baseMs: backoffBaseMs, maxMs: backoffMaxMs, random: options.random });
  }

  /** The session is open on this connection: send what is not durable, from the first event on. */
  attach(wire: Wire): void {
    if (this.#wire === wire) return;
    this.detach();
    this.#wire = wire;
    this.#backoff.reset();
    this.poke();
  }

  detach(): void {
    this.#wire = undefined;
    this.#epoch++;
    this.#inFlight = 0;
    this.#established = false;
    this.#retryDelayMs = undefined;
    clearTimeout(this.#timer);
    this.#queue.rewind();
  }

  /** Something was added. Sent in a microtask, so that what is added in one go travels in one request. */
  poke(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    const { sendsInFlight, sendBytes } = this.#options.tuning;
    const maxEvents = Math.min(this.#maxEvents, wire.limits["eventsPerSend"] ?? LIMITS.eventsPerSend);
    // Until one request is taken there is only one: it sets the start (SPEC send-5), and were it refused while the second
    // one was taken in its place, the session would drop everything in it as already seen (send-7).
    const window = this.#established ? sendsInFlight : 1;
    while (this.#retryDelayMs === undefined && this.#inFlight < window) {
      const batch = this.#queue.take(maxEvents, sendBytes);
      if (batch === undefined) return;
      this.#inFlight++;
      void this.#dispatch(wire, batch, this.#epoch);
    }
  }

  async #dispatch(wire: Wire, batch: Batch, epoch: number): Promise<void> {
    const { session, producer } = this.#options;
    const events = batch.entries.map((entry) => entry.event);
    const consecutive = events[0]?.seq === batch.after + 1;
    const request = { session, producer, ...(!consecutive && { after: batch.after }), events };
    const reply = await wire.send(request, (answer) => this.#answeredLate(batch, answer, epoch));
    // Durable is durable, whichever connection said so and how late.
    if (reply.outcome === "answered" && reply.answer.ok) this.#listener.durable(batch.entries);
    if (this.#epoch !== epoch || reply.outcome === "lost") return;
    this.#inFlight--;
    if (reply.outcome === "timeout") this.#retry();
    else if (reply.answer.ok) this.#succeeded();
    else this.#failed(batch, reply.answer.error);
    if (this.#epoch === epoch) this.#proceed();
  }

  #succeeded(): void {
    this.#established = true;
    this.#backoff.reset();
    this.#maxEvents = Math.min(2 * this.#maxEvents, LIMITS.eventsPerSend);
  }

  #failed(batch: Batch, error: WireError): void {
    switch (error.code) {
      case "invalid":
      case "too_large":
        this.#isolate(batch, error);
        return;
      case "out_of_order":
        if (error.after !== undefined) this.#queue.closeGap(error.after);
        this.#retry();
        return;
      case "busy":
      case "rate_limited":
      case "unavailable":
      case "draining":
      case "internal":
      // The connection is about to end by its token; the next one has another.
      case "unauthenticated":
      case "token_expired":
        this.#retry(error.retryAfterMs);
        return;
      case "not_open":
        this.detach();
        this.#listener.notOpen();
        return;
      case "origin_refused":
      case "protocol_unsupported":
      case "forbidden":
      case "unknown_agent":
      case "unknown_session":
      case "unknown_request":
      case "unknown_command":
      case "command_refused":
        this.detach();
        this.#listener.sessionRefused(edgeError(error));
        return;
    }
  }

  /** The error does not say which event it is about: halve the requests until it stands alone. */
  #isolate(batch: Batch, error: WireError): void {
    const [only, ...others] = batch.entries;
    if (only !== undefined && others.length === 0) this.#listener.refused(only, edgeError(error));
    else this.#maxEvents = Math.ceil(batch.entries.length / 2);
    this.#retryDelayMs ??= 0;
  }

  /** Requests that were in flight together fail together: that is one failure, and one step of the back-off. */
  #retry(atLeastMs = 0): void {
    this.#retryDelayMs = Math.max(this.#retryDelayMs ?? this.#backoff.next(atLeastMs), atLeastMs);
  }

  /**
   * An edge answers when it can, however long that takes: all of it at once when Temporal is back. What it answers is durable,
   * and what is left need not wait out a delay that outage has earned it.
   */
  #answeredLate(batch: Batch, answer: SendAnswer, epoch: number): void {
    if (!answer.ok) return;
    this.#listener.durable(batch.entries);
    if (this.#epoch !== epoch) return;
    this.#succeeded();
    if (this.#retryDelayMs === undefined) return;
    this.#retryDelayMs = this.#backoff.next();
    this.#proceed();
  }

  #proceed(): void {
    if (this.#retryDelayMs === undefined) this.#pump();
    if (this.#retryDelayMs === undefined || this.#inFlight > 0) return;
    this.#queue.rewind();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#retryDelayMs = undefined;
      this.#pump();
    }, this.#retryDelayMs);
  }
}
