import { eventSchema, type Event } from "@holdfast/contract";
import { createStore, promisifyRequest, type UseStore } from "idb-keyval";
import { z } from "zod";
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

/** Key of one event; IndexedDB orders arrays member by member. */
const keySchema = z.tuple([z.string(), z.string(), z.number()]);

export interface IndexedDbStorageOptions {
  /**
   * Whose events these are, for example the signed-in user's id. Events kept in one scope are never sent from another:
   * without it the next user of this browser would send what the last one had left.
   */
  scope: string;
}

/**
 * Keeps the outbox in IndexedDB, so that what was typed survives a reload, a crash and a closed tab. A producer's claim is
 * a Web Lock, which the browser frees when its tab is gone, however it went; another tab then adopts what it left. Where
 * the browser has neither (no secure origin, private modes, a server) every call rejects with `storage_unavailable`.
 */
export function indexedDbStorage({ scope }: IndexedDbStorageOptions): OutboxStorage {
  let opened: UseStore | undefined;
  const database = (): UseStore => {
    if (!("indexedDB" in globalThis) || globalThis.navigator?.locks === undefined)
      throw clientError("storage_unavailable");
    return (opened ??= createStore(`holdfast-outbox/${scope}`, "events"));
  };
  const lockName = (session: string, producer: string): string => `holdfast-outbox/${scope}/${session}/${producer}`;

  return {
    claim: async (session, producer) => {
      const use = database();
      const release = await holdLock(lockName(session, producer), "wait");
      if (release === undefined) throw clientError("storage_unavailable", "the lock was not given");
      return storeOf(use, session, producer, release);
    },
    adopt: async (session) => {
      const use = database();
      const adopted: AdoptedProducer[] = [];
      for (const producer of await producersOf(use, session)) {
        const release = await holdLock(lockName(session, producer), "if free");
        if (release === undefined) continue;
        // Read only now: the holder of the lock may have removed events until it let go.
        const events = await eventsOf(use, session, producer);
        if (events.length === 0) release();
        else adopted.push({ producer, events, store: storeOf(use, session, producer, release) });
      }
      return adopted;
    },
  };
}

function storeOf(use: UseStore, session: string, producer: string, release: () => void): ProducerStore {
  return {
    save: (events) =>
      use("readwrite", (store) => {
        for (const event of events) store.put(event, [session, producer, event.seq]);
        return promisifyRequest(store.transaction);
      }),
    remove: (seqs) =>
      use("readwrite", (store) => {
        for (const seq of seqs) store.delete([session, producer, seq]);
        return promisifyRequest(store.transaction);
      }),
    release: async () => release(),
  };
}

/** `if free`: undefined when somebody holds it. The lock is held until the returned function is called. */
function holdLock(name: string, mode: "wait" | "if free"): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { ifAvailable: mode === "if free" }, (lock) => {
        if (lock === null) return resolve(undefined);
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}

async function producersOf(use: UseStore, session: string): Promise<Set<string>> {
  const range = IDBKeyRange.bound([session], [session, []]);
  const keys = await use("readonly", (store) => promisifyRequest(store.getAllKeys(range)));
  return new Set(keys.map((key) => keySchema.parse(key)[1]));
}

async function eventsOf(use: UseStore, session: string, producer: string): Promise<Event[]> {
  const range = IDBKeyRange.bound([session, producer], [session, producer, []]);
  // In the order of their keys, the last part of which is `seq`.
  return readableEvents(await use("readonly", (store) => promisifyRequest<unknown[]>(store.getAll(range))));
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
    // Where saving it has not even begun, there is nothing to remove.
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
    // This follows the check above without a pause, since a change that came in between would never be written.
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
