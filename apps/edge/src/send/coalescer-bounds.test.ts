import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { offer, ControlledSignal, startCoalescer } from "../../test/controlled-signal.ts";
import { Budget } from "./session-queue.ts";

test("limit-1: over what a session, a connection or the node may have waiting, `busy` with a delay", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, {
    session: { events: 4, bytes: 1_000 },
    node: { events: 10, bytes: 10_000 },
  });
  const budget = new Budget({ events: 6, bytes: 10_000 });
  expect(offer(coalescer, [1, 2, 3], { budget }).offer.outcome).toBe("taken");
  expect(offer(coalescer, [4, 5], { budget }).offer).toMatchObject({ outcome: "busy" });
  expect(offer(coalescer, [4], { budget, size: 2_000 }).offer).toMatchObject({ outcome: "busy" });
  expect(offer(coalescer, [1, 2], { session: "b", budget }).offer.outcome).toBe("taken");
  expect(offer(coalescer, [1, 2], { session: "c", budget }).offer.outcome).toBe("busy");
  expect(offer(coalescer, [1, 2, 3, 4], { session: "c" }).offer.outcome).toBe("taken");
  expect(offer(coalescer, [1, 2], { session: "d" }).offer.outcome).toBe("busy");
  expect(coalescer.depth.events).toBe(9);
  const busy = offer(coalescer, [1, 2], { session: "d" }).offer;
  expect(busy.outcome === "busy" && busy.retryAfterMs > 0).toBe(true);
});

test("room comes back as events become durable", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { session: { events: 2, bytes: 1_000 } });
  const first = offer(coalescer, [1, 2]);
  expect(offer(coalescer, [3]).offer.outcome).toBe("busy");
  await controlled.answer({ outcome: "durable" });
  await first.settled;
  expect(offer(coalescer, [3]).offer.outcome).toBe("taken");
});

test("a submission larger than a batch goes in pieces, and is durable with its last", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { batch: { events: 2, bytes: 1_000 } });
  let isSettled = false;
  const { settled } = offer(coalescer, [1, 2, 3, 4, 5]);
  void settled.then(() => (isSettled = true));
  await controlled.answer({ outcome: "durable" });
  await controlled.answer({ outcome: "durable" });
  await controlled.arrived();
  expect(isSettled).toBe(false);
  await controlled.answer({ outcome: "durable" });
  expect(await settled).toEqual({ outcome: "durable" });
  expect([0, 1, 2].map((batch) => controlled.seqs(batch))).toEqual([[1, 2], [3, 4], [5]]);
});

test("a batch is bounded by bytes, and carries one event at least", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { batch: { events: 100, bytes: 25 } });
  offer(coalescer, [1, 2, 3]);
  offer(coalescer, [4], { size: 40 });
  for (let batch = 0; batch < 3; batch++) await controlled.answer({ outcome: "durable" });
  await coalescer.empty();
  expect([0, 1, 2].map((batch) => controlled.seqs(batch))).toEqual([[1, 2], [3], [4]]);
});

test("volume: bytes beyond the burst wait for their time; what would wait too long is `busy` until then", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { volume: { burst: 1_000, perSecond: 10_000 }, longestDelayMs: 50 });
  const first = offer(coalescer, [1], { size: 1_400 });
  await controlled.arrived();
  expect(coalescer.depth.bytes).toBe(1_400);
  // 400 bytes of debt, and as long as the first is not answered its own 1,400: 180 ms.
  const refused = offer(coalescer, [2]).offer;
  expect(refused.outcome === "busy" && refused.retryAfterMs > 130).toBe(true);
  await controlled.answer({ outcome: "durable" });
  await first.settled;
  const second = offer(coalescer, [2]);
  expect(second.offer.outcome).toBe("taken");
  await controlled.answer({ outcome: "durable" });
  expect(await second.settled).toEqual({ outcome: "durable" });
});

test("limit-4: guests fill half of a session's room, by events and by volume, and the owner has the rest", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, {
    session: { events: 8, bytes: 10_000 },
    volume: { burst: 2_000, perSecond: 1_000 },
    longestDelayMs: 100,
  });
  const guest = { isGuest: true };
  expect(offer(coalescer, [1, 2, 3, 4], { ...guest, producer: "g" }).offer.outcome).toBe("taken");
  expect(offer(coalescer, [1], { ...guest, producer: "h" }).offer.outcome).toBe("busy");
  expect(offer(coalescer, [1, 2, 3, 4]).offer.outcome).toBe("taken");
  expect(offer(coalescer, [5]).offer.outcome).toBe("busy");

  expect(offer(coalescer, [1], { ...guest, session: "v", size: 1_500 }).offer.outcome).toBe("taken");
  expect(offer(coalescer, [2], { ...guest, session: "v", size: 100 }).offer.outcome).toBe("busy");
  expect(offer(coalescer, [1], { session: "v", producer: "o", size: 100 }).offer.outcome).toBe("taken");
});

test("limit-1: what makes a batch refused is refused alone, and what others sent with it is durable in its order", async () => {
  const poison = 666;
  const taken: [string, number][] = [];
  const { coalescer } = startCoalescer({
    signal: async (_target, { runs }) => {
      const events = runs.flatMap((run) => run.events.map(({ seq }): [string, number] => [run.producer, seq]));
      if (events.some(([, seq]) => seq === poison)) return { outcome: "refused", error: wireError("too_large") };
      taken.push(...events);
      return { outcome: "durable" };
    },
  });
  const sent = [
    offer(coalescer, [1, 2], { producer: "a" }),
    offer(coalescer, [665], { producer: "bad" }),
    offer(coalescer, [poison], { producer: "bad" }),
    offer(coalescer, [1], { producer: "b" }),
    offer(coalescer, [667], { producer: "bad" }),
    offer(coalescer, [3], { producer: "a" }),
  ];
  const outcomes = await Promise.all(sent.map(({ settled }) => settled));
  expect(outcomes.map((settlement) => (settlement.outcome === "durable" ? "durable" : settlement.error.code))).toEqual([
    "durable",
    "durable",
    "too_large",
    "durable",
    "unavailable",
    "durable",
  ]);
  expect(taken).toEqual([
    ["a", 1],
    ["a", 2],
    ["bad", 665],
    ["b", 1],
    ["a", 3],
  ]);
  expect(coalescer.depth).toEqual({ events: 0, bytes: 0 });
});
