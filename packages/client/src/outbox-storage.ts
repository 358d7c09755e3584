import type { Event } from "@holdfast/contract";

/**
 * Where the outbox keeps what is not durable yet, so that it survives the page. Events are kept under the producer that
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
