import { markOf, type Applied, type Event } from "@holdfast/contract";
import { clientError, type HoldfastError } from "./errors.ts";
import { Journal } from "./journal.ts";
import { Outbox, type EventBody, type OutboxListener } from "./outbox.ts";
import type { PendingInput, Receipt } from "./outbox-entry.ts";
import type { AdoptedProducer, OutboxStorage } from "./outbox-storage.ts";
import { randomId } from "./random-id.ts";
import type { Tuning } from "./tuning.ts";
import type { Wire } from "./wire.ts";

export interface OutboxesOptions {
  session: string;
  tuning: Tuning;
  random: () => number;
  storage: OutboxStorage | undefined;
}

export interface OutboxesListener extends OutboxListener {
  problem(error: HoldfastError): void;
}

/**
 * One session's outboxes: its own, under a producer name nobody else has, and those adopted from clients that are gone,
 * each under the name it had.
 */
export class Outboxes {
  readonly #options: OutboxesOptions;
  readonly #listener: OutboxesListener;
  readonly #own: Outbox;
  #adopted: Outbox[] = [];
  /** Adopted outboxes on their way out; their producers may be claimed when these are done. */
  readonly #closing = new Set<Promise<void>>();
  #wire: Wire | undefined;
  #applied: Applied = {};
  #subject: string | undefined;
  #closed = false;
  #adopting = false;
  /** A storage that failed once is not asked again: every look would fail and be reported. */
  #storage: OutboxStorage | undefined;

  constructor(options: OutboxesOptions, listener: OutboxesListener) {
    this.#options = options;
    this.#listener = listener;
    this.#storage = options.storage;
    const { session, storage } = options;
    const producer = randomId();
    const problem = (error: HoldfastError): void => listener.problem(error);
    const journal = storage && new Journal(() => storage.claim(session, producer), problem);
    this.#own = new Outbox({ ...options, producer, journal }, listener);
  }

  get unacked(): number {
    return this.#all().reduce((sum, outbox) => sum + outbox.unacked, 0);
  }

  get unapplied(): number {
    return this.#all().reduce((sum, outbox) => sum + outbox.unapplied, 0);
  }

  pending(): PendingInput[] {
    return this.#all().flatMap((outbox) => outbox.pending());
  }

  send(body: EventBody): Receipt {
    return this.#own.send(body);
  }

  attach(wire: Wire): void {
    this.#wire = wire;
    for (const outbox of this.#all()) outbox.attach(wire);
  }

  detach(): void {
    this.#wire = undefined;
    for (const outbox of this.#all()) outbox.detach();
  }

  /** SPEC ack-2: the marks of a `turn.started` or a snapshot. `subject`: whose producers these are, as the edge says. */
  applied(marks: Applied, subject: string): void {
    if (marks === this.#applied && subject === this.#subject) return;
    this.#applied = marks;
    this.#subject = subject;
    for (const outbox of this.#all()) outbox.applied(this.#appliedOf(outbox.producer));
    this.#letGoOfDone();
  }

  /** The edge takes nothing for this session. What was adopted stays stored: another token may be allowed to send it. */
  refuseAll(error: HoldfastError): void {
    this.detach();
    this.#own.refuseAll(error);
    for (const outbox of this.#adopted) this.#letGo(outbox, error);
    this.#adopted = [];
  }

  dismiss(input: { producer: string; seq: number }): void {
    this.#all()
      .find((outbox) => outbox.producer === input.producer)
      ?.dismiss(input.seq);
  }

  /** Looks for events that closed tabs have left. */
  async adopt(): Promise<void> {
    if (this.#storage === undefined || this.#adopting || this.#closed) return;
    this.#adopting = true;
    try {
      for (const found of await this.#storage.adopt(this.#options.session)) await this.#take(found);
    } catch (error) {
      this.#storage = undefined;
      this.#listener.problem(clientError("storage_unavailable", String(error), error));
    } finally {
      this.#adopting = false;
    }
  }

  async close(error: HoldfastError): Promise<void> {
    this.#closed = true;
    this.#wire = undefined;
    await Promise.all([...this.#closing, ...this.#all().map((outbox) => outbox.close(error))]);
  }

  async #take({ producer, events, store }: AdoptedProducer): Promise<void> {
    // Closed while the storage was asked: whoever comes next adopts it.
    if (this.#closed) {
      await store.release();
      return;
    }
    const journal = new Journal(store, (error) => this.#listener.problem(error));
    const outbox = new Outbox({ ...this.#options, producer, journal }, this.#adoptedListener(), events);
    this.#adopted.push(outbox);
    outbox.applied(this.#appliedOf(producer));
    if (this.#wire !== undefined) outbox.attach(this.#wire);
    this.#listener.changed();
  }

  #appliedOf(producer: string): number {
    return this.#subject === undefined ? 0 : (this.#applied[markOf(this.#subject, producer)] ?? 0);
  }

  #adoptedListener(): OutboxListener {
    return {
      changed: () => {
        this.#letGoOfDone();
        this.#listener.changed();
      },
      refused: (event: Event, error: HoldfastError) => this.#listener.refused(event, error),
      notOpen: () => this.#listener.notOpen(),
      sessionRefused: (error) => this.#listener.sessionRefused(error),
    };
  }

  /** Adopted outboxes that have nothing left to send or to show are done with. */
  #letGoOfDone(): void {
    const done = this.#adopted.filter((outbox) => outbox.unacked + outbox.unapplied === 0 && !outbox.shows);
    if (done.length === 0) return;
    this.#adopted = this.#adopted.filter((outbox) => !done.includes(outbox));
    for (const outbox of done) this.#letGo(outbox, clientError("closed"));
  }

  #letGo(outbox: Outbox, error: HoldfastError): void {
    const closing = outbox.close(error).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #all(): Outbox[] {
    return [...this.#adopted, this.#own];
  }
}
