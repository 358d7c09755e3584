import { expect, test } from "vitest";
import { ProducerOrder } from "./producer-order.ts";

const SESSION = "t/o/s";

test("send-5: the first batch of a producer on a connection sets the start", () => {
  const order = new ProducerOrder();
  expect(order.check(SESSION, "p", 41)).toEqual({ outcome: "next" });
});

test("send-5: a batch is taken only if everything up to `after` was", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  order.take(SESSION, "p", 3);
  expect(order.check(SESSION, "p", 3)).toEqual({ outcome: "next" });
  expect(order.check(SESSION, "p", 5)).toEqual({ outcome: "out_of_order", after: 3 });
});

test("send-5: when the first batch is refused, those behind it are too", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  expect(order.check(SESSION, "p", 10)).toEqual({ outcome: "out_of_order", after: 0 });
  order.begin(SESSION, "q", 7);
  expect(order.check(SESSION, "q", 8)).toEqual({ outcome: "out_of_order", after: 7 });
});

test("send-6: an event that is dropped for good is named past by `after`", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  order.take(SESSION, "p", 3);
  // 4 was refused as invalid; 5 builds on 3.
  expect(order.check(SESSION, "p", 4)).toEqual({ outcome: "out_of_order", after: 3 });
  expect(order.check(SESSION, "p", 3)).toEqual({ outcome: "next" });
});

test("send-7: repeats are taken, and do not set the place back", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  order.take(SESSION, "p", 10);
  expect(order.check(SESSION, "p", 2)).toEqual({ outcome: "next" });
  order.take(SESSION, "p", 5);
  expect(order.check(SESSION, "p", 10)).toEqual({ outcome: "next" });
});

test("send-5: what was taken and then refused by Temporal must come again before what follows", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  order.take(SESSION, "p", 3);
  order.take(SESSION, "p", 6);
  order.rollBack(SESSION, "p", 0);
  order.rollBack(SESSION, "p", 3);
  expect(order.check(SESSION, "p", 6)).toEqual({ outcome: "out_of_order", after: 0 });
});

test("producers and sessions are apart, and bounded in number", () => {
  const order = new ProducerOrder();
  order.check(SESSION, "p", 0);
  order.take(SESSION, "p", 3);
  expect(order.check("t/o/other", "p", 9)).toEqual({ outcome: "next" });
  for (let producer = 0; producer < 5_000; producer++) order.begin(SESSION, `x${producer}`, 0);
  expect(order.check(SESSION, "p", 99)).toEqual({ outcome: "next" });
});
