import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { Producers } from "./producers.ts";

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

test("send-7: marks survive being carried over", () => {
  const producers = new Producers();
  producers.take(ann("p"), 7, 100);
  producers.apply(ann("p"), 7);
  const after = new Producers(JSON.parse(JSON.stringify(producers.toCarry())));
  expect(after.take(ann("p"), 7, 200)).toBe(false);
  expect(after.take(ann("p"), 8, 200)).toBe(true);
  expect(after.applied()).toEqual({ "ann/p": 7 });
});

test("send-7: the longest silent producer is forgotten first, never the one that speaks", () => {
  const producers = new Producers();
  for (let i = 0; i < LIMITS.producers; i++) producers.take(ann(`p${i}`), 1, 1_000 + i);
  producers.take(ann("p0"), 2, 9_000);
  producers.take(ann("late-clock"), 1, 1);
  expect(producers.toCarry()).toHaveLength(LIMITS.producers);
  expect(producers.take(ann("late-clock"), 1, 1)).toBe(false);
  expect(producers.take(ann("p0"), 2, 9_000)).toBe(false);
  expect(producers.take(ann("p1"), 1, 9_000)).toBe(true);
});

test("send-7: whoever makes thousands of producers crowds out their own", () => {
  const producers = new Producers();
  for (let i = 0; i < 3; i++) producers.take(ann(`tab-${i}`), 5, i);
  for (let i = 0; i < 5_000; i++) producers.take(guest(`p${i}`), 1, 1_000 + i);
  expect(producers.toCarry()).toHaveLength(LIMITS.producers);
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
