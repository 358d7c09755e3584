import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Breaker, type GuardedCall } from "./breakers.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets cockatiel see what a call told: it listens by promises. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function enter(breaker: Breaker): GuardedCall {
  const entry = breaker.enter();
  if (entry.outcome === "refused") throw new Error("the breaker refused");
  return entry.call;
}

async function fail(breaker: Breaker, times: number): Promise<void> {
  for (let n = 0; n < times; n++) enter(breaker).failed();
  await settle();
}

async function openBreaker(): Promise<Breaker> {
  const breaker = new Breaker();
  await fail(breaker, 6);
  expect(breaker.state).toBe("open");
  return breaker;
}

test("opens when most of the last calls failed, and then refuses with the time that is left", async () => {
  const opened: number[] = [];
  const breaker = new Breaker((forMs) => opened.push(forMs));
  await fail(breaker, 5);
  expect(breaker.state).toBe("closed");
  await fail(breaker, 1);
  expect(breaker.state).toBe("open");
  expect(opened).toHaveLength(1);
  const entry = breaker.enter();
  expect(entry).toMatchObject({ outcome: "refused" });
  expect(entry.outcome === "refused" && entry.retryAfterMs).toBe(opened[0]);
});

test("stays closed while half of the calls succeed", async () => {
  const breaker = new Breaker();
  for (let n = 0; n < 20; n++) {
    enter(breaker).succeeded();
    await fail(breaker, 1);
  }
  expect(breaker.state).toBe("closed");
});

test("calls that ended for other reasons count neither way", async () => {
  const breaker = new Breaker();
  for (let n = 0; n < 20; n++) enter(breaker).ended();
  await fail(breaker, 6);
  expect(breaker.state).toBe("open");
});

test("after its time one trial is let through; its first text closes the breaker", async () => {
  const breaker = await openBreaker();
  vi.advanceTimersByTime(3_000);
  const trial = enter(breaker);
  expect(breaker.state).toBe("half-open");
  expect(breaker.enter()).toEqual({ outcome: "refused", retryAfterMs: 1_000 });
  trial.answering();
  await settle();
  expect(breaker.state).toBe("closed");
  trial.succeeded();
  await settle();
  expect(breaker.state).toBe("closed");
});

test("a trial that fails, or ends before it proves anything, opens the breaker for longer", async () => {
  const breaker = await openBreaker();
  for (const end of ["failed", "ended"] as const) {
    vi.advanceTimersByTime(60_000);
    enter(breaker)[end]();
    await settle();
    expect(breaker.state).toBe("open");
  }
  const entry = breaker.enter();
  expect(entry.outcome === "refused" && entry.retryAfterMs).toBeGreaterThan(4_000);
});

test("an opening of another worker is adopted by a closed breaker for the time that is left", async () => {
  const breaker = new Breaker();
  breaker.adopt(700);
  expect(breaker.enter()).toEqual({ outcome: "refused", retryAfterMs: 700 });
  vi.advanceTimersByTime(701);
  enter(breaker).answering();
  await settle();
  expect(breaker.state).toBe("closed");
});
