import { eventSchema, type Event } from "@holdfast/contract";
import { clientError, type HoldfastError } from "./errors.ts";

/**
 * Where the outbox keeps events that are not durable yet, so that they survive the page. Events are kept under the producer that
 * numbered them (SPEC send-4) and are sent again under that same name, which is what makes sending them twice harmless.
 * A producer is claimed by one outbox at a time; a claim ends by `release` or with whoever held it.
 */
export interface OutboxStorage {
  /** Claims a producer name nobody has used. */
  claim(session: string, producer: string): Promise<ProducerStore>;
  /** Claims every producer of `session` which has events left and whose claimant is gone. */
  adopt(session: string): Promise<AdoptedProducer[]>;
}

/** The events of one claimed producer. */
export interface ProducerStore {
  save(events: readonly Event[]): Promise<void>;
  remove(seqs: readonly number[]): Promise<void>;
  /** Gives the claim up. What is still stored may then be adopted. */
  release(): Promise<void>;
}

export interface AdoptedProducer {
  producer: string;
  /** Ascending by `seq`, never empty. */
  events: Event[];
  store: ProducerStore;
}

interface StoredProducer {
  events: Map<number, Event>;
  claimed: boolean;
}

/** Keeps events in this process: they outlive a client that is closed, not the process. Give it to each client in turn. */
export function memoryStorage(): OutboxStorage {
  const sessions = new Map<string, Map<string, StoredProducer>>();

  const storeOf = (session: string, producer: string, stored: StoredProducer): ProducerStore => ({
    save: async (events) => {
      for (const event of events) stored.events.set(event.seq, event);
    },
    remove: async (seqs) => {
      for (const seq of seqs) stored.events.delete(seq);
    },
    release: async () => {
      stored.claimed = false;
      if (stored.events.size > 0) return;
      const producers = sessions.get(session);
      producers?.delete(producer);
      if (producers?.size === 0) sessions.delete(session);
    },
  });

  return {
    claim: async (session, producer) => {
      const producers = sessions.get(session) ?? new Map<string, StoredProducer>();
      sessions.set(session, producers);
      const stored = { events: new Map<number, Event>(), claimed: true };
      producers.set(producer, stored);
      return storeOf(session, producer, stored);
    },
    adopt: async (session) => {
      const adopted: AdoptedProducer[] = [];
      for (const [producer, stored] of sessions.get(session) ?? []) {
        if (stored.claimed || stored.events.size === 0) continue;
        stored.claimed = true;
        const events = [...stored.events.values()].toSorted((a, b) => a.seq - b.seq);
        adopted.push({ producer, events, store: storeOf(session, producer, stored) });
      }
      return adopted;
    },
  };
}

/**
 * A producer's stored events, ascending by `seq`, up to the first that this release cannot read: a later release may have kept
 * it, in another tab or before the page was rolled back. The events behind it wait with it for a page that can. Sent without it,
 * they would be taken, and the session would then drop it as one it has seen (SPEC send-7).
 */
export function readableEvents(stored: readonly unknown[]): Event[] {
  const events: Event[] = [];
  for (const raw of stored) {
    const parsed = eventSchema.safeParse(raw);
    if (!parsed.success) break;
    events.push(parsed.data);
  }
  return events;
}

/**
 * Writes one outbox's changes to its store: one write at a time, and whatever came meanwhile in the next one. Sending does not
 * wait for it. A store that fails costs persistence alone: events are then kept by this page.
 */
export class Journal {
  readonly #claim: () => Promise<ProducerStore>;
  readonly #problem: (error: HoldfastError) => void;
  readonly #unsaved = new Map<number, Event>();
  readonly #stale = new Set<number>();
  #writing: Promise<void> | undefined;
  #store: Promise<ProducerStore> | undefined;
  #failed = false;

  /** `store`: one that is claimed already, or how to claim it with the first event. A session that only listens claims nothing. */
  constructor(store: ProducerStore | (() => Promise<ProducerStore>), problem: (error: HoldfastError) => void) {
    const claimed = typeof store !== "function";
    this.#claim = claimed ? () => Promise.resolve(store) : store;
    this.#store = claimed ? Promise.resolve(store) : undefined;
    this.#problem = problem;
  }

  save(event: Event): void {
    this.#unsaved.set(event.seq, event);
    this.#write();
  }

  /** The event need not be kept any more. */
  remove(seq: number): void {
    // Not even begun to be saved: then there is nothing to remove.
    if (!this.#unsaved.delete(seq)) this.#stale.add(seq);
    this.#write();
  }

  /** Resolves when all is written and the producer may be claimed by others. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#store !== undefined) await this.#guarded((store) => store.release());
  }

  #write(): void {
    if (this.#writing === undefined && this.#dirty) this.#writing = this.#drain();
  }

  get #dirty(): boolean {
    return !this.#failed && this.#unsaved.size + this.#stale.size > 0;
  }

  async #drain(): Promise<void> {
    while (this.#dirty) {
      await this.#guarded(async (store) => {
        const events = [...this.#unsaved.values()];
        const seqs = [...this.#stale];
        this.#unsaved.clear();
        this.#stale.clear();
        if (events.length > 0) await store.save(events);
        if (seqs.length > 0) await store.remove(seqs);
      });
    }
    // In the same step as the check above: a change that came in between would never be written.
    this.#writing = undefined;
  }

  async #guarded(use: (store: ProducerStore) => Promise<void>): Promise<void> {
    try {
      await use(await (this.#store ??= this.#claim()));
    } catch (error) {
      if (!this.#failed) this.#problem(clientError("storage_unavailable", String(error), error));
      this.#failed = true;
    }
  }
}
