import { wireError, type EventBatch, type Event } from "@holdfast/contract";
import { afterEach, expect, test } from "vitest";
import { Budget } from "./budget.ts";
import { Coalescer, COALESCER_SETTINGS, CONNECTION_BUDGET, type CoalescerSettings } from "./coalescer.ts";
import type { Settlement, Signal, SignalOutcome, Submission } from "./submission.ts";

/** A `signal` whose every call waits until the test answers it. */
class Wire {
  readonly batches: EventBatch[] = [];
  readonly #answers: ((outcome: SignalOutcome) => void)[] = [];
  #arrivals: (() => void)[] = [];
  inFlight = 0;
  mostInFlight = 0;

  readonly signal: Signal = async (_target, batch) => {
    this.batches.push(structuredClone(batch));
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    const outcome = new Promise<SignalOutcome>((resolve) => this.#answers.push(resolve));
    for (const resolve of this.#arrivals.splice(0)) resolve();
    return outcome.finally(() => this.inFlight--);
  };

  /** Resolves when a signal waits for its answer. */
  async arrived(): Promise<void> {
    while (this.#answers.length === 0) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  async answer(outcome: SignalOutcome): Promise<void> {
    await this.arrived();
    this.#answers.shift()?.(outcome);
  }

  seqs(batch: number): number[] {
    return (this.batches[batch]?.runs ?? []).flatMap((run) => run.events.map(({ seq }) => seq));
  }
}

const FAST: CoalescerSettings = { ...COALESCER_SETTINGS, firstRetryMs: 1, longestRetryMs: 4 };
const coalescers: Coalescer[] = [];
afterEach(() => {
  for (const coalescer of coalescers.splice(0)) coalescer.stop();
});

function start(wire: Wire, settings: Partial<CoalescerSettings> = {}) {
  const retries: string[] = [];
  const failures: unknown[] = [];
  const coalescer = new Coalescer(
    wire.signal,
    {
      signalStarted: () => {},
      signalEnded: () => {},
      retried: (reason) => retries.push(reason),
      failed: (error) => failures.push(error),
    },
    { ...FAST, ...settings },
  );
  coalescers.push(coalescer);
  return { coalescer, retries, failures };
}

function observe(seq: number): Event {
  return { seq, kind: "observe", name: "click" };
}

interface Sent {
  offer: ReturnType<Coalescer["offer"]>;
  settled: Promise<Settlement>;
}

function send(
  coalescer: Coalescer,
  seqs: number[],
  more: Partial<Pick<Submission, "producer" | "budget">> & { session?: string; size?: number } = {},
): Sent {
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  const offer = coalescer.offer({
    target: { key: { tenant: "t", owner: "o", name: more.session ?? "s" }, agent: "echo" },
    producer: more.producer ?? "p",
    at: 1,
    events: seqs.map(observe),
    sizes: seqs.map(() => more.size ?? 10),
    budget: more.budget ?? new Budget(CONNECTION_BUDGET),
    settle: resolve,
  });
  return { offer, settled: promise };
}

test("ack-1: nothing is settled before the signal is answered", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  let isSettled = false;
  const { settled } = send(coalescer, [1]);
  void settled.then(() => (isSettled = true));
  await wire.arrived();
  await new Promise(setImmediate);
  expect(isSettled).toBe(false);
  await wire.answer({ outcome: "durable" });
  expect(await settled).toEqual({ outcome: "durable" });
});

test("natural batching: one signal in flight per session; what comes meanwhile is the next batch, in order", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  const first = send(coalescer, [1, 2]);
  await wire.arrived();
  const later = [send(coalescer, [3]), send(coalescer, [4, 5]), send(coalescer, [1], { producer: "q" })];
  await wire.answer({ outcome: "durable" });
  await first.settled;
  await wire.answer({ outcome: "durable" });
  await Promise.all(later.map(({ settled }) => settled));
  expect(wire.mostInFlight).toBe(1);
  expect(wire.batches[1]?.runs.map((run) => [run.producer, run.events.map(({ seq }) => seq)])).toEqual([
    ["p", [3, 4, 5]],
    ["q", [1]],
  ]);
});

test("events that come in one turn of the event loop share a signal, also on an idle session", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  for (const seq of [1, 2, 3]) send(coalescer, [seq]);
  await wire.arrived();
  expect(wire.seqs(0)).toEqual([1, 2, 3]);
});

test("sessions do not wait for one another", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  send(coalescer, [1], { session: "a" });
  const other = send(coalescer, [1], { session: "b" });
  while (wire.inFlight < 2) await new Promise(setImmediate);
  await wire.answer({ outcome: "durable" });
  await wire.answer({ outcome: "durable" });
  expect(await other.settled).toEqual({ outcome: "durable" });
});

test("a failed batch is sent again as it was, before anything behind it", async () => {
  const wire = new Wire();
  const { coalescer, retries } = start(wire);
  const first = send(coalescer, [1]);
  await wire.arrived();
  const second = send(coalescer, [2]);
  for (let attempt = 0; attempt < 5; attempt++) await wire.answer({ outcome: "retry", reason: "UNAVAILABLE" });
  await wire.answer({ outcome: "durable" });
  await first.settled;
  await wire.answer({ outcome: "durable" });
  await second.settled;
  expect(wire.batches.map((_, index) => wire.seqs(index))).toEqual([[1], [1], [1], [1], [1], [1], [2]]);
  expect(retries).toHaveLength(5);
});

test("a refused batch takes what stands behind it along, and leaves room", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  const budget = new Budget(CONNECTION_BUDGET);
  const first = send(coalescer, [1], { budget });
  await wire.arrived();
  const second = send(coalescer, [2], { budget });
  await wire.answer({ outcome: "refused", error: wireError("too_large") });
  expect(await first.settled).toMatchObject({ outcome: "refused", error: { code: "too_large" } });
  expect(await second.settled).toMatchObject({ outcome: "refused", error: { code: "unavailable" } });
  expect(wire.batches).toHaveLength(1);
  expect([budget.events, budget.bytes, coalescer.depth]).toEqual([0, 0, { events: 0, bytes: 0 }]);
  const third = send(coalescer, [1], { budget });
  await wire.answer({ outcome: "durable" });
  expect(await third.settled).toEqual({ outcome: "durable" });
});

test("a signal that throws is a defect: reported, and answered `internal`", async () => {
  const failures: unknown[] = [];
  const coalescer = new Coalescer(
    () => Promise.reject(new Error("defect")),
    { signalStarted: () => {}, signalEnded: () => {}, retried: () => {}, failed: (error) => failures.push(error) },
    FAST,
  );
  coalescers.push(coalescer);
  const { settled } = send(coalescer, [1]);
  expect(await settled).toMatchObject({ outcome: "refused", error: { code: "internal" } });
  expect(failures).toHaveLength(1);
});

test("limit-1: over what a session, a connection or the node may have waiting, `busy` with a delay", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire, {
    session: { events: 4, bytes: 1_000 },
    node: { events: 10, bytes: 10_000 },
  });
  const budget = new Budget({ events: 6, bytes: 10_000 });
  expect(send(coalescer, [1, 2, 3], { budget }).offer.outcome).toBe("taken");
  expect(send(coalescer, [4, 5], { budget }).offer).toMatchObject({ outcome: "busy" });
  expect(send(coalescer, [4], { budget, size: 2_000 }).offer).toMatchObject({ outcome: "busy" });
  expect(send(coalescer, [1, 2], { session: "b", budget }).offer.outcome).toBe("taken");
  expect(send(coalescer, [1, 2], { session: "c", budget }).offer.outcome).toBe("busy");
  expect(send(coalescer, [1, 2, 3, 4], { session: "c" }).offer.outcome).toBe("taken");
  expect(send(coalescer, [1, 2], { session: "d" }).offer.outcome).toBe("busy");
  expect(coalescer.depth.events).toBe(9);
  const busy = send(coalescer, [1, 2], { session: "d" }).offer;
  expect(busy.outcome === "busy" && busy.retryAfterMs > 0).toBe(true);
});

test("room comes back as events become durable", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire, { session: { events: 2, bytes: 1_000 } });
  const first = send(coalescer, [1, 2]);
  expect(send(coalescer, [3]).offer.outcome).toBe("busy");
  await wire.answer({ outcome: "durable" });
  await first.settled;
  expect(send(coalescer, [3]).offer.outcome).toBe("taken");
});

test("a submission larger than a batch goes in pieces, and is durable with its last", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire, { batch: { events: 2, bytes: 1_000 } });
  let isSettled = false;
  const { settled } = send(coalescer, [1, 2, 3, 4, 5]);
  void settled.then(() => (isSettled = true));
  await wire.answer({ outcome: "durable" });
  await wire.answer({ outcome: "durable" });
  await wire.arrived();
  expect(isSettled).toBe(false);
  await wire.answer({ outcome: "durable" });
  expect(await settled).toEqual({ outcome: "durable" });
  expect([0, 1, 2].map((batch) => wire.seqs(batch))).toEqual([[1, 2], [3, 4], [5]]);
});

test("a batch is bounded by bytes, and carries one event at least", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire, { batch: { events: 100, bytes: 25 } });
  send(coalescer, [1, 2, 3]);
  send(coalescer, [4], { size: 40 });
  for (let batch = 0; batch < 3; batch++) await wire.answer({ outcome: "durable" });
  await coalescer.empty();
  expect([0, 1, 2].map((batch) => wire.seqs(batch))).toEqual([[1, 2], [3], [4]]);
});

test("send-7: a repeat within a batch is left out, so that a run always ascends", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire);
  const sent = [send(coalescer, [1, 2, 3]), send(coalescer, [1, 2]), send(coalescer, [3, 4])];
  await wire.answer({ outcome: "durable" });
  await Promise.all(sent.map(({ settled }) => settled));
  expect(wire.seqs(0)).toEqual([1, 2, 3, 4]);
});

test("pace: signals of a session wait for a token, and events for them gather in one batch", async () => {
  const wire = new Wire();
  const { coalescer } = start(wire, { pace: { burst: 1, perSecond: 100 } });
  const first = send(coalescer, [1]);
  await wire.answer({ outcome: "durable" });
  await first.settled;
  const later = [2, 3, 4].map((seq) => send(coalescer, [seq]));
  await new Promise(setImmediate);
  later.push(send(coalescer, [5]));
  await wire.answer({ outcome: "durable" });
  await Promise.all(later.map(({ settled }) => settled));
  expect(wire.seqs(1)).toEqual([2, 3, 4, 5]);
});

test("stop ends retries and settles nothing: nobody was told that it is durable", async () => {
  const wire = new Wire();
  const { coalescer, failures } = start(wire, { firstRetryMs: 60_000, longestRetryMs: 60_000 });
  const settlements: Settlement[] = [];
  void send(coalescer, [1]).settled.then((settlement) => settlements.push(settlement));
  await wire.answer({ outcome: "retry", reason: "UNAVAILABLE" });
  await new Promise(setImmediate);
  coalescer.stop();
  await new Promise(setImmediate);
  expect(settlements).toEqual([]);
  expect(failures).toEqual([]);
  expect(wire.batches).toHaveLength(1);
});

test("order holds under random arrivals, failures and refusals (seeded)", async () => {
  let seed = 42;
  const random = (): number => (seed = (seed * 48_271) % 0x7fffffff) / 0x7fffffff;
  const durable = new Map<string, number>();
  const coalescer = new Coalescer(
    async ({ key }, batch) => {
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
    },
    { signalStarted: () => {}, signalEnded: () => {}, retried: () => {}, failed: () => {} },
    { ...FAST, batch: { events: 5, bytes: 1_000 }, pace: { burst: 1_000, perSecond: 1_000 } },
  );
  coalescers.push(coalescer);
  const next = new Map<string, number>();
  const settled: Promise<Settlement>[] = [];
  for (let round = 0; round < 400; round++) {
    const session = `s${Math.floor(random() * 3)}`;
    const producer = `p${Math.floor(random() * 2)}`;
    const first = next.get(`${session}/${producer}`) ?? 1;
    const seqs = Array.from({ length: 1 + Math.floor(random() * 7) }, (_, index) => first + index);
    next.set(`${session}/${producer}`, first + seqs.length);
    settled.push(send(coalescer, seqs, { session, producer }).settled);
    if (random() < 0.3) await new Promise(setImmediate);
  }
  const outcomes = await Promise.all(settled);
  expect(outcomes.every(({ outcome }) => outcome === "durable")).toBe(true);
  for (const [id, first] of next) expect(durable.get(id)).toBe(first - 1);
});
