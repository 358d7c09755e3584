import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { offer, SignalWire, startCoalescer } from "../test/signal-wire.ts";
import { SignalGate } from "./signal-gate.ts";

const GATE = { failures: 4, probes: 2, probeMs: 1, most: 8 };

/** Signals at a gate, numbered in the order they came. */
class Passengers {
  readonly gate = new SignalGate(GATE);
  /** Those let through that have not come back. */
  readonly out: number[] = [];
  #count = 0;

  come(count: number): void {
    for (let left = count; left > 0; left--) {
      const number = this.#count++;
      void this.gate.enter().then(() => this.out.push(number));
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
    this.gate.leave(hasArrived);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("while Temporal answers, all signals pass at once", async () => {
  const passengers = new Passengers();
  passengers.come(1_000);
  await passengers.someone();
  expect(passengers.out).toHaveLength(1_000);
});

test("while it is away a few at a time try it; then the others follow in order, few at first", async () => {
  const passengers = new Passengers();
  passengers.come(GATE.failures);
  for (let failed = 0; failed < GATE.failures; failed++) {
    expect(passengers.gate.isHolding).toBe(false);
    await passengers.back(false);
  }
  expect(passengers.gate.isHolding).toBe(true);
  passengers.come(40);
  for (let failed = 0; failed < 10; failed++) {
    await passengers.back(false);
    expect(passengers.out.length).toBeLessThanOrEqual(GATE.probes);
  }

  const passed: number[] = [];
  for (let arrived = 1; arrived <= 30; arrived++) {
    await passengers.someone();
    passed.push(...passengers.out.slice(0, 1));
    await passengers.back(true);
    expect(passengers.gate.isHolding).toBe(false);
    expect(passengers.out.length).toBeLessThanOrEqual(Math.min(GATE.probes + arrived, GATE.most));
  }
  // The first four and ten more came back without having arrived.
  expect(passed).toEqual(Array.from({ length: 30 }, (_, index) => index + 14));
  expect(passengers.out).toHaveLength(0);
  passengers.come(100);
  await passengers.someone();
  expect(passengers.out).toHaveLength(100);
});

test("a few that fail among others that arrive hold nobody up", async () => {
  const passengers = new Passengers();
  for (let round = 0; round < 20; round++) {
    passengers.come(GATE.failures);
    for (let failed = 1; failed < GATE.failures; failed++) await passengers.back(false);
    await passengers.back(true);
    expect(passengers.gate.isHolding).toBe(false);
  }
});

test("send-2: after an outage every session has all its events, in their order", async () => {
  const wire = new SignalWire();
  const { coalescer } = startCoalescer(wire, { gate: GATE });
  const sessions = Array.from({ length: 20 }, (_, index) => `s${index}`);
  const settled = [1, 2, 3].flatMap((seq) => sessions.map((session) => offer(coalescer, [seq], { session }).settled));
  for (let failed = 0; failed < 40; failed++) await wire.answer({ outcome: "retry", reason: "Temporal is away" });
  expect(coalescer.isHolding).toBe(true);
  for (let arrived = 0; arrived < sessions.length; arrived++) await wire.answer({ outcome: "durable" });
  expect(new Set((await Promise.all(settled)).map(({ outcome }) => outcome))).toEqual(new Set(["durable"]));
  const delivered = wire.batches.slice(-sessions.length).map((_, index) => wire.seqs(40 + index));
  expect(delivered).toEqual(sessions.map(() => [1, 2, 3]));
  expect(coalescer.isHolding).toBe(false);
  coalescer.stop();
});

test("a coalescer that is stopped tries nothing more", async () => {
  const wire = new SignalWire();
  const { coalescer } = startCoalescer(wire, { gate: GATE });
  for (let session = 0; session < 10; session++) offer(coalescer, [1], { session: `s${session}` });
  for (let failed = 0; failed < 20; failed++) await wire.answer({ outcome: "retry", reason: "Temporal is away" });
  await wire.arrived();
  coalescer.stop();
  const tried = wire.batches.length;
  await wire.answer({ outcome: "retry", reason: "Temporal is away" });
  await sleep(20 * GATE.probeMs);
  expect(wire.batches.length).toBe(tried);
});
