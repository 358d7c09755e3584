import type { Event } from "@holdfast/contract";
import { clientError, type HoldfastError } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { OutboxEntry, type PendingInput, type Receipt } from "./outbox-entry.ts";
import { OutboxQueue } from "./outbox-queue.ts";
import { prepareEvent } from "./prepared-event.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import type { Wire } from "./wire.ts";

/** An event before it has its number. */
type Unnumbered<E> = E extends unknown ? Omit<E, "seq"> : never;
export type EventBody = Unnumbered<Event>;

export interface OutboxListener {
  changed(): void;
  refused(event: Event, error: HoldfastError): void;
  notOpen(): void;
  sessionRefused(error: HoldfastError): void;
}

export interface OutboxOptions extends SenderOptions {
  /** Where events are kept besides memory, if anywhere. */
  journal: Journal | undefined;
}

/** Refused inputs are shown until dismissed, but a program that never looks must not fill the memory with them. */
const REFUSED_KEPT = 100;

/**
 * The events of one producer of one session, from their number to their turn: sending → durable → applied (SPEC ack-1,
 * ack-2). Bounded: what does not fit is refused with `outbox_full`.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #listener: OutboxListener;
  readonly #queue: OutboxQueue;
  readonly #sender: Sender;
  #lastSeq = 0;
  /** Durable inputs no turn has taken yet. */
  #unapplied: OutboxEntry[] = [];
  /** Why nothing more is taken: the edge refuses the session, or it was closed. */
  #refusal: HoldfastError | undefined;
  #refused: OutboxEntry[] = [];

  /** `adopted`: events another outbox numbered and left behind, ascending by seq. */
  constructor(options: OutboxOptions, listener: OutboxListener, adopted: readonly Event[] = []) {
    this.#options = options;
    this.#listener = listener;
    this.#queue = new OutboxQueue((adopted[0]?.seq ?? 1) - 1);
    this.#sender = new Sender(options, this.#queue, {
      durable: (entries) => this.#becameDurable(entries),
      refused: (entry, error) => this.#refuse([entry], error),
      notOpen: () => listener.notOpen(),
      sessionRefused: (error) => listener.sessionRefused(error),
    });
    for (const event of adopted) {
      const prepared = prepareEvent(event);
      if (prepared.outcome === "ok") this.#queue.add(new OutboxEntry(options.producer, prepared.event, prepared.bytes));
      else options.journal?.remove(event.seq);
      this.#lastSeq = event.seq;
    }
  }

  get producer(): string {
    return this.#options.producer;
  }

  /** Events without a `durable` answer. */
  get unacked(): number {
    return this.#queue.length;
  }

  /** Durable inputs no turn has taken. */
  get unapplied(): number {
    return this.#unapplied.length;
  }

  /** Whether a refused input is still to be shown. */
  get shows(): boolean {
    return this.#refused.length > 0;
  }

  /** Numbers the event and sends it as soon as there is a connection. Never throws; see `Receipt` for how it fails. */
  send(body: EventBody): Receipt {
    const seq = ++this.#lastSeq;
    const prepared = prepareEvent({ ...body, seq });
    const { event, bytes } = prepared.outcome === "ok" ? prepared : { event: { ...body, seq }, bytes: 0 };
    const entry = new OutboxEntry(this.producer, event, bytes);
    const error = prepared.outcome === "refused" ? prepared.error : (this.#refusal ?? this.#fullError(bytes));
    if (error !== undefined) {
      this.#show([entry], error);
      return entry;
    }
    this.#queue.add(entry);
    this.#options.journal?.save(event);
    this.#sender.poke();
    this.#listener.changed();
    return entry;
  }

  attach(wire: Wire): void {
    this.#refusal = undefined;
    this.#sender.attach(wire);
  }

  detach(): void {
    this.#sender.detach();
  }

  /** SPEC ack-2: a turn has taken the input `upTo`; then everything below it was taken as well, answered or not. */
  applied(upTo: number): void {
    let changed = false;
    for (const entry of this.#queue.entries) {
      if (entry.seq > upTo) break;
      changed = true;
      entry.becomeDurable();
      entry.becomeApplied();
      this.#options.journal?.remove(entry.seq);
    }
    if (changed) this.#queue.sweep();
    for (const entry of this.#unapplied) if (entry.seq <= upTo) entry.becomeApplied();
    const unapplied = this.#unapplied.filter((entry) => entry.seq > upTo);
    changed ||= unapplied.length < this.#unapplied.length;
    this.#unapplied = unapplied;
    if (changed) this.#listener.changed();
  }

  /** Nothing will be taken, neither what is left nor what is sent from now on, until `attach`. */
  refuseAll(error: HoldfastError): void {
    this.#refusal = error;
    this.#sender.detach();
    this.#refuse([...this.#queue.entries], error);
  }

  /** Takes a refused input out of `pending`. */
  dismiss(seq: number): void {
    this.#refused = this.#refused.filter((entry) => entry.seq !== seq);
    this.#listener.changed();
  }

  pending(): PendingInput[] {
    const entries = [...this.#refused, ...this.#unapplied, ...this.#queue.entries].toSorted((a, b) => a.seq - b.seq);
    return entries.flatMap((entry) => entry.pending ?? []);
  }

  /** Stops sending. What is not durable stays in the journal, to be adopted. */
  async close(error: HoldfastError): Promise<void> {
    this.#refusal = error;
    this.#sender.detach();
    for (const entry of [...this.#unapplied, ...this.#queue.entries]) entry.abandon(error);
    await this.#options.journal?.close();
  }

  #fullError(bytes: number): HoldfastError | undefined {
    const { outboxEvents, outboxBytes } = this.#options.tuning;
    if (this.#queue.length < outboxEvents && this.#queue.bytes + bytes <= outboxBytes) return undefined;
    return clientError("outbox_full", `${this.#queue.length} events, ${this.#queue.bytes} bytes`);
  }

  #becameDurable(entries: OutboxEntry[]): void {
    for (const entry of entries) {
      // Seen as applied before its answer came.
      if (entry.status !== "sending") continue;
      entry.becomeDurable();
      this.#options.journal?.remove(entry.seq);
      if (entry.event.kind === "input") this.#unapplied.push(entry);
    }
    this.#queue.sweep();
    this.#listener.changed();
  }

  #refuse(entries: OutboxEntry[], error: HoldfastError): void {
    for (const entry of entries) this.#options.journal?.remove(entry.seq);
    this.#show(entries, error);
    this.#queue.sweep();
  }

  #show(entries: OutboxEntry[], error: HoldfastError): void {
    for (const entry of entries) {
      entry.refuse(error);
      this.#listener.refused(entry.event, error);
    }
    const inputs = entries.filter((entry) => entry.event.kind === "input");
    this.#refused = [...this.#refused, ...inputs].slice(-REFUSED_KEPT);
    this.#listener.changed();
  }
}
