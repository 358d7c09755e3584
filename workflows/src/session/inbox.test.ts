import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { inputOf } from "../../test/turn-fixture.ts";
import { Inbox, Producers } from "./inbox.ts";

test("send-2: inputs are taken in their order, also across continue-as-new", () => {
  let inbox = new Inbox();
  for (let seq = 1; seq <= 10; seq++) inbox.add({ input: inputOf(seq) });
  const taken = [inbox.take(), inbox.take(), inbox.take()];
  inbox = new Inbox(JSON.parse(JSON.stringify(inbox.waiting)));
  inbox.add({ input: inputOf(11) });
  expect(inbox.size).toBe(8);
  for (let next = inbox.take(); next !== undefined; next = inbox.take()) taken.push(next);
  expect(taken.map((next) => next?.input.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(inbox.size).toBe(0);
});

const ann = (producer: string) => ({ by: "ann", producer });
const guest = (producer: string) => ({ by: "guest", producer });

test("send-7: an event is taken once, and nothing at or below a producer's highest seq is", () => {
  const producers = new Producers();
  expect([1, 2, 2, 1, 5, 4, 6].map((seq) => producers.take(ann("p"), seq, 0))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  expect(producers.take(ann("q"), 1, 0)).toBe(true);
});

test("send-7: a producer is its subject's: nobody's numbers stand in another's way", () => {
  const producers = new Producers();
  expect(producers.take(ann("p"), 1, 0)).toBe(true);
  expect(producers.take(guest("p"), Number.MAX_SAFE_INTEGER, 0)).toBe(true);
  expect(producers.take(ann("p"), 2, 0)).toBe(true);
  producers.apply(guest("p"), Number.MAX_SAFE_INTEGER);
  producers.apply(ann("p"), 1);
  expect(producers.applied()).toEqual({ "ann/p": 1, "guest/p": Number.MAX_SAFE_INTEGER });
});

test("send-7: marks survive continue-as-new", () => {
  const producers = new Producers();
  producers.take(ann("p"), 7, 100);
  producers.apply(ann("p"), 7);
  const after = new Producers(JSON.parse(JSON.stringify(producers.marks)));
  expect(after.take(ann("p"), 7, 200)).toBe(false);
  expect(after.take(ann("p"), 8, 200)).toBe(true);
  expect(after.applied()).toEqual({ "ann/p": 7 });
});

test("send-7: the longest silent producer is forgotten first, never the one that speaks", () => {
  const producers = new Producers();
  for (let i = 0; i < LIMITS.producers; i++) producers.take(ann(`p${i}`), 1, 1_000 + i);
  producers.take(ann("p0"), 2, 9_000);
  producers.take(ann("late-clock"), 1, 1);
  expect(producers.marks).toHaveLength(LIMITS.producers);
  expect(producers.take(ann("late-clock"), 1, 1)).toBe(false);
  expect(producers.take(ann("p0"), 2, 9_000)).toBe(false);
  expect(producers.take(ann("p1"), 1, 9_000)).toBe(true);
});

test("send-7: whoever makes thousands of producers crowds out their own", () => {
  const producers = new Producers();
  for (let i = 0; i < 3; i++) producers.take(ann(`tab-${i}`), 5, i);
  for (let i = 0; i < 5_000; i++) producers.take(guest(`p${i}`), 1, 1_000 + i);
  expect(producers.marks).toHaveLength(LIMITS.producers);
  for (let i = 0; i < 3; i++) expect(producers.take(ann(`tab-${i}`), 5, 9_000)).toBe(false);
});

test("ack-2: what was applied never goes back, and nothing is known of a producer that was forgotten", () => {
  const producers = new Producers();
  producers.take(ann("p"), 3, 0);
  producers.apply(ann("p"), 3);
  producers.apply(ann("p"), 2);
  producers.apply(ann("forgotten"), 2);
  expect(producers.applied()).toEqual({ "ann/p": 3 });
});
