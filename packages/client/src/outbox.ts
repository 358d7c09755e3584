import { markOf, type Applied, type Event } from "@holdfast/contract";
import { clientError, type HoldfastError } from "./errors.ts";
import { OutboxEntry, prepareEvent, type PendingInput, type Receipt } from "./outbox-entry.ts";
import { OutboxQueue, Sender, type SenderOptions } from "./sending.ts";
import { Journal, type AdoptedProducer, type OutboxStorage } from "./storage.ts";
import { randomId, type Wire } from "./wire.ts";

/** An event before it has its number. */
type Unnumbered<E> = E extends unknown ? Omit<E, "seq"> : never;
export type EventBody = Unnumbered<Event>;

/** Hears what becomes of events. */
interface Reports {
  changed: () => void;
  refused: (event: Event, error: HoldfastError) => void;
  /** The edge does not know the session as open on this connection. */
  notOpen: () => void;
  /** The edge takes nothing for this session. */
  sessionRefused: (error: HoldfastError) => void;
}

interface OutboxDeps extends Reports {
  /** Where events are kept besides memory, if anywhere. */
  journal: Journal | undefined;
}

/** Refused inputs are shown until dismissed, but a program that never looks must not fill the memory with them. */
const REFUSED_KEPT = 100;

/** The events of one producer of one session. Bounded: an event that does not fit is refused with `outbox_full`. */
class Outbox {
  readonly #options: SenderOptions;
  readonly #deps: OutboxDeps;
  readonly #queue: OutboxQueue;
  readonly #sender: Sender;
  #lastSeq = 0;
  /** Durable inputs no turn has taken yet. */
  #unapplied: OutboxEntry[] = [];
  /** Why nothing more is taken: the edge refuses the session, or it was closed. */
  #refusal: HoldfastError | undefined;
  #refused: OutboxEntry[] = [];

  /** `adopted`: events another outbox numbered and left behind, ascending by seq. */
  constructor(options: SenderOptions, deps: OutboxDeps, adopted: readonly Event[] = []) {
    this.#options = options;
    this.#deps = deps;
    this.#queue = new OutboxQueue((adopted[0]?.seq ?? 1) - 1);
    this.#sender = new Sender(options, this.#queue, {
      durable: (entries) => this.#becameDurable(entries),
      refused: (entry, error) => this.#refuse([entry], error),
      notOpen: () => deps.notOpen(),
      sessionRefused: (error) => deps.sessionRefused(error),
    });
    const { producer } = options;
    for (const event of adopted) {
      const prepared = prepareEvent(event);
      if (prepared.outcome === "ok") this.#queue.add(new OutboxEntry({ ...prepared, producer }));
      else deps.journal?.remove(event.seq);
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
  send(body: EventBody, traceparent: string | undefined): Receipt {
    const seq = ++this.#lastSeq;
    const prepared = prepareEvent({ ...body, seq }, traceparent);
    const { event, bytes } = prepared.outcome === "ok" ? prepared : { event: { ...body, seq }, bytes: 0 };
    const entry = new OutboxEntry({ producer: this.producer, event, bytes, traceparent });
    const error = prepared.outcome === "refused" ? prepared.error : (this.#refusal ?? this.#fullError(bytes));
    if (error !== undefined) {
      this.#show([entry], error);
      return entry;
    }
    this.#queue.add(entry);
    this.#deps.journal?.save(event);
    this.#sender.poke();
    this.#deps.changed();
    return entry;
  }

  attach(wire: Wire): void {
    this.#refusal = undefined;
    this.#sender.attach(wire);
  }

  detach(): void {
    this.#sender.detach();
  }

  /** SPEC ack-2: a turn has taken the input `upTo`. Then everything below it was taken as well, whether it was answered or not. */
  applied(upTo: number): void {
    let changed = false;
    for (const entry of this.#queue.entries) {
      if (entry.seq > upTo) break;
      changed = true;
      entry.becomeDurable();
      entry.becomeApplied();
      this.#deps.journal?.remove(entry.seq);
    }
    if (changed) this.#queue.sweep();
    for (const entry of this.#unapplied) if (entry.seq <= upTo) entry.becomeApplied();
    const unapplied = this.#unapplied.filter((entry) => entry.seq > upTo);
    changed ||= unapplied.length < this.#unapplied.length;
    this.#unapplied = unapplied;
    if (changed) this.#deps.changed();
  }

  /** Until `attach`, nothing will be taken: neither the events that are left nor those that are sent from now on. */
  refuseAll(error: HoldfastError): void {
    this.#refusal = error;
    this.#sender.detach();
    this.#refuse([...this.#queue.entries], error);
  }

  /** Takes a refused input out of `pending`. */
  dismiss(seq: number): void {
    this.#refused = this.#refused.filter((entry) => entry.seq !== seq);
    this.#deps.changed();
  }

  pending(): PendingInput[] {
    const entries = [...this.#refused, ...this.#unapplied, ...this.#queue.entries].toSorted((a, b) => a.seq - b.seq);
    return entries.flatMap((entry) => entry.pending ?? []);
  }

  /** Stops sending. Events that are not durable stay in the journal, to be adopted. */
  async close(error: HoldfastError): Promise<void> {
    this.#refusal = error;
    this.#sender.detach();
    for (const entry of [...this.#unapplied, ...this.#queue.entries]) entry.abandon(error);
    await this.#deps.journal?.close();
  }

  #fullError(bytes: number): HoldfastError | undefined {
    const { outboxEvents, outboxBytes } = this.#options.bounds;
    if (this.#queue.length < outboxEvents && this.#queue.bytes + bytes <= outboxBytes) return undefined;
    return clientError("outbox_full", `${this.#queue.length} events, ${this.#queue.bytes} bytes`);
  }

  #becameDurable(entries: OutboxEntry[]): void {
    for (const entry of entries) {
      // A frame told that it is applied before its answer came.
      if (entry.status !== "sending") continue;
      entry.becomeDurable();
      this.#deps.journal?.remove(entry.seq);
      if (entry.event.kind === "input") this.#unapplied.push(entry);
    }
    this.#queue.sweep();
    this.#deps.changed();
  }

  #refuse(entries: OutboxEntry[], error: HoldfastError): void {
    for (const entry of entries) this.#deps.journal?.remove(entry.seq);
    this.#show(entries, error);
    this.#queue.sweep();
  }

  #show(entries: OutboxEntry[], error: HoldfastError): void {
    for (const entry of entries) {
      entry.refuse(error);
      this.#deps.refused(entry.event, error);
    }
    const inputs = entries.filter((entry) => entry.event.kind === "input");
    this.#refused = [...this.#refused, ...inputs].slice(-REFUSED_KEPT);
    this.#deps.changed();
  }
}

export type OutboxesOptions = Omit<SenderOptions, "producer">;

export interface OutboxesDeps extends Reports {
  storage: OutboxStorage | undefined;
  problem: (error: HoldfastError) => void;
}

/**
 * One session's outboxes: its own, under a producer name nobody else has, and those adopted from clients that are gone,
 * each under the name it had before.
 */
export class Outboxes {
  readonly #options: OutboxesOptions;
  readonly #deps: OutboxesDeps;
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

  constructor(options: OutboxesOptions, deps: OutboxesDeps) {
    this.#options = options;
    this.#deps = deps;
    const { storage } = deps;
    this.#storage = storage;
    const producer = randomId();
    const journal = storage && new Journal(() => storage.claim(options.session, producer), deps.problem);
    this.#own = new Outbox({ ...options, producer }, { ...deps, journal });
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

  send(body: EventBody, traceparent?: string): Receipt {
    return this.#own.send(body, traceparent);
  }

  attach(wire: Wire): void {
    this.#wire = wire;
    for (const outbox of this.#all()) outbox.attach(wire);
  }

  detach(): void {
    this.#wire = undefined;
    for (const outbox of this.#all()) outbox.detach();
  }

  /** SPEC ack-2: the marks a session tells of. `subject`: the subject of this client's token, as the edge says; its producers are ours. */
  applied(marks: Applied, subject: string): void {
    if (marks === this.#applied && subject === this.#subject) return;
    this.#applied = marks;
    this.#subject = subject;
    for (const outbox of this.#all()) outbox.applied(this.#appliedOf(outbox.producer));
    this.#letGoOfDone();
  }

  /** The edge takes nothing for this session. Adopted events stay stored: another token may be allowed to send them. */
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
      this.#deps.problem(clientError("storage_unavailable", String(error), error));
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
    // The session was closed while the storage was asked: the next client adopts them.
    if (this.#closed) {
      await store.release();
      return;
    }
    const changed = (): void => {
      this.#letGoOfDone();
      this.#deps.changed();
    };
    const journal = new Journal(store, this.#deps.problem);
    const outbox = new Outbox({ ...this.#options, producer }, { ...this.#deps, changed, journal }, events);
    this.#adopted.push(outbox);
    outbox.applied(this.#appliedOf(producer));
    if (this.#wire !== undefined) outbox.attach(this.#wire);
    this.#deps.changed();
  }

  #appliedOf(producer: string): number {
    return this.#subject === undefined ? 0 : (this.#applied[markOf(this.#subject, producer)] ?? 0);
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
