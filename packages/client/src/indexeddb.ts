import type { Event } from "@holdfast/contract";
import { createStore, promisifyRequest, type UseStore } from "idb-keyval";
import { z } from "zod";
import { clientError } from "./errors.ts";
import { readableEvents, type AdoptedProducer, type OutboxStorage, type ProducerStore } from "./storage.ts";

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
