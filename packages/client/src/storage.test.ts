import type { Event } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { HoldfastError } from "./errors.ts";
import { Journal, memoryStorage, readableEvents, type OutboxStorage, type ProducerStore } from "./storage.ts";

const event = (seq: number): Event => ({ seq, kind: "input", text: `${seq}` });
const unexpected = (error: HoldfastError): never => {
  throw error;
};

async function left(storage: OutboxStorage): Promise<number[]> {
  const adopted = await storage.adopt("chat");
  return adopted.flatMap((producer) => producer.events.map((kept) => kept.seq));
}

test("ack-3: what is not removed when the journal closes can be adopted, in order", async () => {
  const storage = memoryStorage();
  const journal = new Journal(() => storage.claim("chat", "p"), unexpected);
  for (const seq of [1, 2, 3]) journal.save(event(seq));
  expect(await left(storage)).toEqual([]);
  journal.remove(2);
  await journal.close();
  expect(await left(storage)).toEqual([1, 3]);
});

test("changes made while a write is under way are written by the next one", async () => {
  const storage = memoryStorage();
  const writes: string[] = [];
  const journal = new Journal(async () => {
    const store = await storage.claim("chat", "p");
    const logged: ProducerStore = {
      save: async (events) => {
        writes.push(`save ${events.map((saved) => saved.seq).join()}`);
        await store.save(events);
        if (writes.length === 1) {
          journal.save(event(2));
          journal.save(event(3));
          journal.remove(1);
        }
      },
      remove: (seqs) => {
        writes.push(`remove ${seqs.join()}`);
        return store.remove(seqs);
      },
      release: () => store.release(),
    };
    return logged;
  }, unexpected);
  journal.save(event(1));
  await journal.close();
  expect(writes).toEqual(["save 1", "save 2,3", "remove 1"]);
});

test("an event that is durable before it was saved is never written", async () => {
  const writes: number[] = [];
  const store: ProducerStore = {
    save: async (events) => void writes.push(...events.map((saved) => saved.seq)),
    remove: async () => undefined,
    release: async () => undefined,
  };
  const journal = new Journal(async () => store, unexpected);
  journal.save(event(1));
  journal.save(event(2));
  journal.remove(1);
  await journal.close();
  expect(writes).toEqual([2]);
});

test("a journal nothing was sent through claims nothing", async () => {
  const journal = new Journal(() => Promise.reject(new Error("claimed")), unexpected);
  await journal.close();
});

test("a store that was claimed before is released, also when nothing was written to it", async () => {
  const storage = memoryStorage();
  const claimed = await storage.claim("chat", "p");
  await claimed.save([event(1)]);
  await new Journal(claimed, unexpected).close();
  expect(await left(storage)).toEqual([1]);
});

test("a storage that fails is reported once and then left alone", async () => {
  const problems: HoldfastError[] = [];
  const journal = new Journal(
    () => Promise.reject(new Error("quota")),
    (error) => problems.push(error),
  );
  journal.save(event(1));
  journal.save(event(2));
  await journal.close();
  journal.save(event(3));
  await journal.close();
  expect(problems.map((error) => error.code)).toEqual(["storage_unavailable"]);
});

test("send-4, send-7: what a later release kept is not passed over, so it is not lost when that release is back", () => {
  const gesture = { seq: 2, kind: "gesture", shape: "wave" };
  expect(readableEvents([event(1), gesture, event(3)])).toEqual([event(1)]);
  expect(readableEvents([{ ...event(1), mood: "glad" }, event(2)])).toEqual([]);
  expect(readableEvents([event(1), { seq: 2, kind: "observe", name: "click", data: null }])).toHaveLength(2);
  expect(readableEvents([])).toEqual([]);
});
