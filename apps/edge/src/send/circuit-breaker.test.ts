import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { offer, ControlledSignal, startCoalescer } from "../../test/controlled-signal.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

const OPTIONS = { failures: 4, probes: 2, probeMs: 1, most: 8 };

/** Signals at a circuit breaker, numbered in the order they came. */
class Signals {
  readonly breaker = new CircuitBreaker(OPTIONS);
  /** Those let through that have not come back. */
  readonly out: number[] = [];
  #count = 0;

  come(count: number): void {
    for (let left = count; left > 0; left--) {
      const number = this.#count++;
      void this.breaker.enter().then(() => this.out.push(number));
    }
  }

  /** Resolves when one is out. */
  async someone(): Promise<void> {
    while (this.out.length === 0) await sleep(1);
  }

  /** The longest out comes back. */
  async back(hasArrived: boolean): Promise<void> {
    await this.someone();
    this.out.shift();
    this.breaker.leave(hasArrived);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("while Temporal answers, all signals pass at once", async () => {
  const signals = new Signals();
  signals.come(1_000);
  await signals.someone();
  expect(signals.out).toHaveLength(1_000);
});

test("while it is away a few at a time try it; then the others follow in order, few at first", async () => {
  const signals = new Signals();
  signals.come(OPTIONS.failures);
  for (let failed = 0; failed < OPTIONS.failures; failed++) {
    expect(signals.breaker.isHolding).toBe(false);
    await signals.back(false);
  }
  expect(signals.breaker.isHolding).toBe(true);
  signals.come(40);
  for (let failed = 0; failed < 10; failed++) {
    await signals.back(false);
    expect(signals.out.length).toBeLessThanOrEqual(OPTIONS.probes);
  }

  const passed: number[] = [];
  for (let arrived = 1; arrived <= 30; arrived++) {
    await signals.someone();
    passed.push(...signals.out.slice(0, 1));
    await signals.back(true);
    expect(signals.breaker.isHolding).toBe(false);
    expect(signals.out.length).toBeLessThanOrEqual(Math.min(OPTIONS.probes + arrived, OPTIONS.most));
  }
  // The first four and ten more came back without having arrived.
  expect(passed).toEqual(Array.from({ length: 30 }, (_, index) => index + 14));
  expect(signals.out).toHaveLength(0);
  signals.come(100);
  await signals.someone();
  expect(signals.out).toHaveLength(100);
});

test("a few that fail among others that arrive hold nobody up", async () => {
  const signals = new Signals();
  for (let round = 0; round < 20; round++) {
    signals.come(OPTIONS.failures);
    for (let failed = 1; failed < OPTIONS.failures; failed++) await signals.back(false);
    await signals.back(true);
    expect(signals.breaker.isHolding).toBe(false);
  }
});

test("send-2: after an outage every session has all its events, in their order", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { breaker: OPTIONS });
  const sessions = Array.from({ length: 20 }, (_, index) => `s${index}`);
  const settled = [1, 2, 3].flatMap((seq) => sessions.map((session) => offer(coalescer, [seq], { session }).settled));
  for (let failed = 0; failed < 40; failed++) await controlled.answer({ outcome: "retry", reason: "Temporal is away" });
  expect(coalescer.isHolding).toBe(true);
  for (let arrived = 0; arrived < sessions.length; arrived++) await controlled.answer({ outcome: "durable" });
  expect(new Set((await Promise.all(settled)).map(({ outcome }) => outcome))).toEqual(new Set(["durable"]));
  const delivered = controlled.batches.slice(-sessions.length).map((_, index) => controlled.seqs(40 + index));
  expect(delivered).toEqual(sessions.map(() => [1, 2, 3]));
  expect(coalescer.isHolding).toBe(false);
  coalescer.stop();
});

test("a coalescer that is stopped tries nothing more", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled, { breaker: OPTIONS });
  for (let session = 0; session < 10; session++) offer(coalescer, [1], { session: `s${session}` });
  for (let failed = 0; failed < 20; failed++) await controlled.answer({ outcome: "retry", reason: "Temporal is away" });
  await controlled.arrived();
  coalescer.stop();
  const tried = controlled.batches.length;
  await controlled.answer({ outcome: "retry", reason: "Temporal is away" });
  await sleep(20 * OPTIONS.probeMs);
  expect(controlled.batches.length).toBe(tried);
});
