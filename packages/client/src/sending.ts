import { LIMITS, type WireError } from "@holdfast/contract";
import { Backoff } from "./backoff.ts";
import { edgeError, type HoldfastError } from "./errors.ts";
import type { Bounds } from "./options.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import type { SendAnswer, Wire } from "./wire.ts";

export interface Batch {
  /** SPEC send-5: the seq before the first of these that was not refused for good. */
  after: number;
  entries: [OutboxEntry, ...OutboxEntry[]];
  /** Of all of these (SPEC trace-1). */
  traceparent: string | undefined;
}

/** One producer's events that are not durable yet, in order; the first `sent` of them are under way. */
export class OutboxQueue {
  #entries: OutboxEntry[] = [];
  #sent = 0;
  #bytes = 0;
  /** What `after` is when everything before the first entry is settled. */
  #settled: number;

  /** `settled`: seq of the last event before the first that will be added. */
  constructor(settled: number) {
    this.#settled = settled;
  }

  get length(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get entries(): readonly OutboxEntry[] {
    return this.#entries;
  }

  add(entry: OutboxEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** The next events to send, which are under way from now on; undefined when all are. At least one, however large it is. */
  take(maxEvents: number, maxBytes: number): Batch | undefined {
    const before = this.#entries[this.#sent - 1];
    const [first, ...others] = this.#entries.slice(this.#sent, this.#sent + maxEvents);
    if (first === undefined) return undefined;
    const { traceparent } = first;
    let { bytes } = first;
    const end = others.findIndex((entry) => (bytes += entry.bytes) > maxBytes || entry.traceparent !== traceparent);
    const entries: Batch["entries"] = [first, ...(end === -1 ? others : others.slice(0, end))];
    this.#sent += entries.length;
    // An event may have become durable before those in front of it, by an answer that came first. It is behind them all the same.
    return { after: Math.min(before?.seq ?? this.#settled, first.seq - 1), entries, traceparent };
  }

  /** Everything left is to be sent again, from the first on. */
  rewind(): void {
    this.#sent = 0;
  }

  /**
   * The connection took everything up to `taken` and misses what lies between that and the first entry here; all of that
   * was made durable over another connection or refused for good, so there is nothing between them.
   */
  closeGap(taken: number): void {
    this.#settled = Math.min(this.#settled, taken);
  }

  /** Drops what is settled, wherever it stands. */
  sweep(): void {
    const kept: OutboxEntry[] = [];
    let sent = 0;
    this.#entries.forEach((entry, index) => {
      if (entry.status === "sending") {
        kept.push(entry);
        if (index < this.#sent) sent++;
        return;
      }
      this.#bytes -= entry.bytes;
      if (entry.status === "durable") this.#settled = Math.max(this.#settled, entry.seq);
    });
    this.#entries = kept;
    this.#sent = sent;
  }
}

export interface SenderOptions {
  session: string;
  producer: string;
  bounds: Bounds;
  random: () => number;
}

export interface SenderDeps {
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
  readonly #deps: SenderDeps;
  readonly #backoff: Backoff;
  #wire: Wire | undefined;
  /** Counts connections: an answer to a request on an earlier one says nothing about the order on this one. */
  #attachment = 0;
  #inFlight = 0;
  /** A request was taken on this connection. */
  #established = false;
  /** Set while answers are awaited before sending again: the milliseconds to wait after the last one. */
  #retryDelayMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #scheduled = false;
  #maxEvents: number = LIMITS.eventsPerSend;

  constructor(options: SenderOptions, queue: OutboxQueue, deps: SenderDeps) {
    this.#options = options;
    this.#queue = queue;
    this.#deps = deps;
    const { backoffBaseMs, backoffMaxMs } = options.bounds;
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
    this.#attachment++;
    this.#inFlight = 0;
    this.#established = false;
    this.#retryDelayMs = undefined;
    clearTimeout(this.#timer);
    this.#queue.rewind();
  }

  /** Something was added. It is sent in a microtask, so that events added in one go travel in one request. */
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
    const { sendsInFlight, sendBytes } = this.#options.bounds;
    const maxEvents = Math.min(this.#maxEvents, wire.limits["eventsPerSend"] ?? LIMITS.eventsPerSend);
    // Until one request is taken there is only one in flight: the first sets the start (SPEC send-5). Were it refused while the
    // second was taken in its place, the session would later drop the events of the first as already seen (send-7).
    const window = this.#established ? sendsInFlight : 1;
    while (this.#retryDelayMs === undefined && this.#inFlight < window) {
      const batch = this.#queue.take(maxEvents, sendBytes);
      if (batch === undefined) return;
      this.#inFlight++;
      void this.#dispatch(wire, batch, this.#attachment);
    }
  }

  async #dispatch(wire: Wire, batch: Batch, attachment: number): Promise<void> {
    const { session, producer } = this.#options;
    const { after, traceparent } = batch;
    const events = batch.entries.map((entry) => entry.event);
    const consecutive = events[0]?.seq === after + 1;
    const trace = traceparent !== undefined && { traceparent };
    const request = { session, producer, ...(!consecutive && { after }), events, ...trace };
    const reply = await wire.send(request, (answer) => this.#answeredLate(batch, answer, attachment));
    // Durable is durable, whichever connection said so and how late.
    if (reply.outcome === "answered" && reply.answer.ok) this.#deps.durable(batch.entries);
    if (this.#attachment !== attachment || reply.outcome === "lost") return;
    this.#inFlight--;
    if (reply.outcome === "timeout") this.#retry();
    else if (reply.answer.ok) this.#succeeded();
    else this.#failed(batch, reply.answer.error);
    if (this.#attachment === attachment) this.#proceed();
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
        this.#deps.notOpen();
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
        this.#deps.sessionRefused(edgeError(error));
        return;
    }
  }

  /** The error does not say which event it is about: halve the requests until it stands alone. */
  #isolate(batch: Batch, error: WireError): void {
    const [only, ...others] = batch.entries;
    if (others.length === 0) this.#deps.refused(only, edgeError(error));
    else this.#maxEvents = Math.ceil(batch.entries.length / 2);
    this.#retryDelayMs ??= 0;
  }

  /** Requests that were in flight together fail together: that is one failure, and one step of the back-off. */
  #retry(atLeastMs = 0): void {
    this.#retryDelayMs = Math.max(this.#retryDelayMs ?? this.#backoff.next(atLeastMs), atLeastMs);
  }

  /**
   * An edge answers when it can, however long that takes, and answers everything at once when Temporal is back. What it answers is
   * durable, and the events that are left need not wait out the delay that grew during the outage.
   */
  #answeredLate(batch: Batch, answer: SendAnswer, attachment: number): void {
    if (!answer.ok) return;
    this.#deps.durable(batch.entries);
    if (this.#attachment !== attachment) return;
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
