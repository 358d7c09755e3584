import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { offer, ControlledSignal, startCoalescer } from "../../test/controlled-signal.ts";
import { Budget } from "./session-queue.ts";
import { CONNECTION_BUDGET } from "./coalescer.ts";
import type { Settlement, Signal } from "./session-queue.ts";

test("ack-1: nothing is settled before the signal is answered", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  let isSettled = false;
  const { settled } = offer(coalescer, [1]);
  void settled.then(() => (isSettled = true));
  await controlled.arrived();
  await new Promise(setImmediate);
  expect(isSettled).toBe(false);
  await controlled.answer({ outcome: "durable" });
  expect(await settled).toEqual({ outcome: "durable" });
});

test("natural batching: one signal in flight per session; what comes meanwhile is the next batch, in order", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  const first = offer(coalescer, [1, 2]);
  await controlled.arrived();
  const later = [offer(coalescer, [3]), offer(coalescer, [4, 5]), offer(coalescer, [1], { producer: "q" })];
  await controlled.answer({ outcome: "durable" });
  await first.settled;
  await controlled.answer({ outcome: "durable" });
  await Promise.all(later.map(({ settled }) => settled));
  expect(controlled.mostInFlight).toBe(1);
  expect(controlled.batches[1]?.runs.map((run) => [run.producer, run.events.map(({ seq }) => seq)])).toEqual([
    ["p", [3, 4, 5]],
    ["q", [1]],
  ]);
});

test("events that come in one turn of the event loop share a signal, also on an idle session", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  for (const seq of [1, 2, 3]) offer(coalescer, [seq]);
  await controlled.arrived();
  expect(controlled.seqs(0)).toEqual([1, 2, 3]);
});

test("sessions do not wait for one another", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  offer(coalescer, [1], { session: "a" });
  const other = offer(coalescer, [1], { session: "b" });
  while (controlled.inFlight < 2) await new Promise(setImmediate);
  await controlled.answer({ outcome: "durable" });
  await controlled.answer({ outcome: "durable" });
  expect(await other.settled).toEqual({ outcome: "durable" });
});

test("a failed batch is sent again as it was, before anything behind it", async () => {
  const controlled = new ControlledSignal();
  const { coalescer, retries } = startCoalescer(controlled);
  const first = offer(coalescer, [1]);
  await controlled.arrived();
  const second = offer(coalescer, [2]);
  for (let attempt = 0; attempt < 5; attempt++) await controlled.answer({ outcome: "retry", reason: "UNAVAILABLE" });
  await controlled.answer({ outcome: "durable" });
  await first.settled;
  await controlled.answer({ outcome: "durable" });
  await second.settled;
  expect(controlled.batches.map((_, index) => controlled.seqs(index))).toEqual([[1], [1], [1], [1], [1], [1], [2]]);
  expect(retries).toHaveLength(5);
});

test("a refused batch takes what stands behind it along, and leaves room", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  const budget = new Budget(CONNECTION_BUDGET);
  const first = offer(coalescer, [1], { budget });
  await controlled.arrived();
  const second = offer(coalescer, [2], { budget });
  await controlled.answer({ outcome: "refused", error: wireError("too_large") });
  expect(await first.settled).toMatchObject({ outcome: "refused", error: { code: "too_large" } });
  expect(await second.settled).toMatchObject({ outcome: "refused", error: { code: "unavailable" } });
  expect(controlled.batches).toHaveLength(1);
  expect([budget.events, budget.bytes, coalescer.depth]).toEqual([0, 0, { events: 0, bytes: 0 }]);
  const third = offer(coalescer, [1], { budget });
  await controlled.answer({ outcome: "durable" });
  expect(await third.settled).toEqual({ outcome: "durable" });
});

test("a signal that throws is a defect: reported, and answered `internal`", async () => {
  const { coalescer, failures } = startCoalescer({ signal: () => Promise.reject(new Error("defect")) });
  const { settled } = offer(coalescer, [1]);
  expect(await settled).toMatchObject({ outcome: "refused", error: { code: "internal" } });
  expect(failures).toHaveLength(1);
});

test("send-7: a repeat within a batch is left out, so that a run always ascends", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  const sent = [offer(coalescer, [1, 2, 3]), offer(coalescer, [1, 2]), offer(coalescer, [3, 4])];
  await controlled.answer({ outcome: "durable" });
  await Promise.all(sent.map(({ settled }) => settled));
  expect(controlled.seqs(0)).toEqual([1, 2, 3, 4]);
});

test("pace: signals of a session wait for a token, and events for them gather in one batch", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { pace: { burst: 1, perSecond: 100 } });
  const first = offer(coalescer, [1]);
  await controlled.answer({ outcome: "durable" });
  await first.settled;
  const later = [2, 3, 4].map((seq) => offer(coalescer, [seq]));
  await new Promise(setImmediate);
  later.push(offer(coalescer, [5]));
  await controlled.answer({ outcome: "durable" });
  await Promise.all(later.map(({ settled }) => settled));
  expect(controlled.seqs(1)).toEqual([2, 3, 4, 5]);
});

test("stop ends retries and settles nothing: nobody was told that it is durable", async () => {
  const controlled = new ControlledSignal();
  const { coalescer, failures } = startCoalescer(controlled, { firstRetryMs: 60_000, longestRetryMs: 60_000 });
  const settlements: Settlement[] = [];
  void offer(coalescer, [1]).settled.then((settlement) => settlements.push(settlement));
  await controlled.answer({ outcome: "retry", reason: "UNAVAILABLE" });
  await new Promise(setImmediate);
  coalescer.stop();
  await new Promise(setImmediate);
  expect(settlements).toEqual([]);
  expect(failures).toEqual([]);
  expect(controlled.batches).toHaveLength(1);
});

test("order holds under random arrivals, failures and refusals (seeded)", async () => {
  let seed = 42;
  const random = (): number => (seed = (seed * 48_271) % 0x7fffffff) / 0x7fffffff;
  const durable = new Map<string, number>();
  const signal: Signal = async ({ key }, batch) => {
    if (random() < 0.3) await new Promise(setImmediate);
    if (random() < 0.2) return { outcome: "retry", reason: "random" };
    for (const run of batch.runs) {
      const id = `${key.name}/${run.producer}`;
      for (const { seq } of run.events) {
        // What a session does: it takes the next number, and drops what it has seen.
        const seen = durable.get(id) ?? 0;
        if (seq > seen) expect(seq).toBe(seen + 1);
        durable.set(id, Math.max(seen, seq));
      }
    }
    return random() < 0.2 ? { outcome: "retry", reason: "lost answer" } : { outcome: "durable" };
  };
  const batch = { events: 5, bytes: 1_000 };
  const { coalescer } = startCoalescer({ signal }, { batch, pace: { burst: 1_000, perSecond: 1_000 } });
  const next = new Map<string, number>();
  const settled: Promise<Settlement>[] = [];
  for (let round = 0; round < 400; round++) {
    const session = `s${Math.floor(random() * 3)}`;
    const producer = `p${Math.floor(random() * 2)}`;
    const first = next.get(`${session}/${producer}`) ?? 1;
    const seqs = Array.from({ length: 1 + Math.floor(random() * 7) }, (_, index) => first + index);
    next.set(`${session}/${producer}`, first + seqs.length);
    settled.push(offer(coalescer, seqs, { session, producer }).settled);
    if (random() < 0.3) await new Promise(setImmediate);
  }
  const outcomes = await Promise.all(settled);
  expect(outcomes.every(({ outcome }) => outcome === "durable")).toBe(true);
  for (const [id, first] of next) expect(durable.get(id)).toBe(first - 1);
});
