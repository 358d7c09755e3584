import { expect, test } from "vitest";
import { clientError } from "./errors.ts";
import { OutboxEntry } from "./outbox-entry.ts";
import { OutboxQueue, type Batch } from "./sending.ts";

function entryOf(seq: number, traceparent?: string): OutboxEntry {
  return new OutboxEntry({ producer: "p", event: { seq, kind: "input", text: `${seq}` }, bytes: 10, traceparent });
}

function queueOf(count: number): { queue: OutboxQueue; entries: OutboxEntry[] } {
  const queue = new OutboxQueue(0);
  const entries = Array.from({ length: count }, (_, i) => {
    return entryOf(i + 1);
  });
  for (const entry of entries) queue.add(entry);
  return { queue, entries };
}

const seqs = (batch: Batch | undefined): number[] | undefined => batch?.entries.map((entry) => entry.seq);

test("send-1: batches are bounded by count and bytes, and hold at least one event", () => {
  const { queue } = queueOf(6);
  expect(seqs(queue.take(2, 1_000))).toEqual([1, 2]);
  expect(seqs(queue.take(10, 25))).toEqual([3, 4]);
  expect(seqs(queue.take(10, 1))).toEqual([5]);
  expect(seqs(queue.take(10, 1_000))).toEqual([6]);
  expect(queue.take(10, 1_000)).toBeUndefined();
});

test("send-5: after names the event before the first one, also behind what is under way", () => {
  const { queue } = queueOf(4);
  expect(queue.take(2, 1_000)?.after).toBe(0);
  expect(queue.take(2, 1_000)?.after).toBe(2);
});

test("send-5, send-6: after skips what was refused for good", () => {
  const { queue, entries } = queueOf(4);
  queue.take(2, 1_000);
  entries[0]?.becomeDurable();
  entries[1]?.refuse(clientError("outbox_full"));
  queue.sweep();
  expect(queue.take(10, 1_000)).toMatchObject({ after: 1, entries: [{ seq: 3 }, { seq: 4 }] });
});

test("ack-3: after a rewind everything without an answer is sent again, from the first on", () => {
  const { queue, entries } = queueOf(3);
  queue.take(10, 1_000);
  entries[0]?.becomeDurable();
  queue.sweep();
  queue.rewind();
  expect(queue.take(10, 1_000)).toMatchObject({ after: 1, entries: [{ seq: 2 }, { seq: 3 }] });
});

test("ack-1: an answer out of order settles only its own events", () => {
  const { queue, entries } = queueOf(3);
  queue.take(1, 1_000);
  queue.take(1, 1_000);
  entries[1]?.becomeDurable();
  queue.sweep();
  expect(queue.entries.map((entry) => entry.seq)).toEqual([1, 3]);
  expect(seqs(queue.take(10, 1_000))).toEqual([3]);
  expect(queue.bytes).toBe(20);
});

test("send-5: what this connection misses before the first event was settled elsewhere", () => {
  const queue = new OutboxQueue(7);
  queue.add(entryOf(8));
  queue.closeGap(5);
  expect(queue.take(10, 1_000)?.after).toBe(5);
  queue.rewind();
  queue.closeGap(9);
  expect(queue.take(10, 1_000)?.after).toBe(5);
});

test("trace-1: a batch holds the events of one trace", () => {
  const queue = new OutboxQueue(0);
  for (const [index, trace] of ["one", "one", undefined, "two"].entries()) queue.add(entryOf(index + 1, trace));
  const batches = [1, 2, 3, 4].map(() => queue.take(10, 1_000));
  expect(batches.map((batch) => [seqs(batch), batch?.traceparent])).toEqual([
    [[1, 2], "one"],
    [[3], undefined],
    [[4], "two"],
    [undefined, undefined],
  ]);
});
