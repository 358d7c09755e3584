import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { Producers } from "./producers.ts";

test("send-7: an event is taken once, and nothing at or below a producer's highest seq is", () => {
  const producers = new Producers();
  expect([1, 2, 2, 1, 5, 4, 6].map((seq) => producers.take("p", seq, 0))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  expect(producers.take("q", 1, 0)).toBe(true);
});

test("send-7: marks survive being carried over", () => {
  const producers = new Producers();
  producers.take("p", 7, 100);
  producers.apply("p", 7);
  const after = new Producers(JSON.parse(JSON.stringify(producers.toCarry())));
  expect(after.take("p", 7, 200)).toBe(false);
  expect(after.take("p", 8, 200)).toBe(true);
  expect(after.applied()).toEqual({ p: 7 });
});

test("send-7: the longest silent producer is forgotten first, never the one that speaks", () => {
  const producers = new Producers();
  for (let i = 0; i < LIMITS.producers; i++) producers.take(`p${i}`, 1, 1_000 + i);
  producers.take("p0", 2, 9_000);
  producers.take("late clock", 1, 1);
  expect(producers.toCarry()).toHaveLength(LIMITS.producers);
  expect(producers.take("late clock", 1, 1)).toBe(false);
  expect(producers.take("p0", 2, 9_000)).toBe(false);
  expect(producers.take("p1", 1, 9_000)).toBe(true);
});

test("ack-2: what was applied is known for every producer's name, and never goes back", () => {
  const producers = new Producers();
  for (const producer of ["p", "__proto__"]) producers.take(producer, 3, 0);
  producers.apply("__proto__", 3);
  producers.apply("p", 3);
  producers.apply("p", 2);
  producers.apply("forgotten", 2);
  expect(JSON.parse(JSON.stringify(Object.entries(producers.applied())))).toEqual([
    ["p", 3],
    ["__proto__", 3],
  ]);
});
