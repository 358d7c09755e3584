import { randomFrom } from "@holdfast/test/kit/statistics";
import { expect, test } from "vitest";
import { arrivalTimes, type Clock, paceOpenLoop } from "./pacer.ts";

/** A clock that moves only when slept on, or when the test says that something took time. */
class ManualClock implements Clock {
  time = 1_000;
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
  }
}

function take(times: Iterator<number, never>, count: number): number[] {
  return Array.from({ length: count }, () => times.next().value);
}

test("even arrivals are due at equal distances", () => {
  expect(take(arrivalTimes(100, "even", Math.random), 3)).toEqual([10, 20, 30]);
});

test("poisson arrivals have the rate asked for, and the spread of independent arrivals", () => {
  const times = take(arrivalTimes(1_000, "poisson", randomFrom(7)), 20_000);
  const gaps = times.map((due, index) => due - (times[index - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  expect(mean).toBeGreaterThan(0.97);
  expect(mean).toBeLessThan(1.03);
  expect(Math.sqrt(variance) / mean).toBeGreaterThan(0.95);
  expect(Math.sqrt(variance) / mean).toBeLessThan(1.05);
});

test("the same seed gives the same arrivals", () => {
  const times = () => take(arrivalTimes(50, "poisson", randomFrom(42)), 100);
  expect(times()).toEqual(times());
});

test("each arrival is issued no earlier than due", async () => {
  const clock = new ManualClock();
  const issued: [intended: number, at: number][] = [];
  await paceOpenLoop(arrivalTimes(100, "even", Math.random), 45, (at) => issued.push([at, clock.now()]), clock);
  expect(issued).toEqual([10, 20, 30, 40].map((due) => [1_000 + due, 1_000 + due]));
  expect(clock.now()).toBe(1_045);
});

test("a stall does not thin out the load: what it delayed is issued at once, under the time it was due", async () => {
  const clock = new ManualClock();
  const latencies: number[] = [];
  let stalled = false;
  const issue = (intendedAt: number): void => {
    latencies.push(clock.now() - intendedAt);
    if (stalled) return;
    stalled = true;
    clock.time += 55;
  };
  await paceOpenLoop(arrivalTimes(100, "even", Math.random), 100, issue, clock);
  expect(latencies).toEqual([0, 45, 35, 25, 15, 5, 0, 0, 0]);
});
