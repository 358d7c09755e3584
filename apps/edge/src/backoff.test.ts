import { expect, test } from "vitest";
import { backoff, spread } from "./backoff.ts";

const DRAWS = 1_000;

function draw(next: () => number): number[] {
  return Array.from({ length: DRAWS }, next);
}

test("err-2: who is told to come back is never told to come before its time, nor all at once", () => {
  const told = draw(() => spread(1_000));
  expect(Math.min(...told)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...told)).toBeLessThanOrEqual(1_500);
  for (let fifth = 1_000; fifth < 1_500; fifth += 100) {
    expect(told.filter((ms) => ms >= fifth && ms < fifth + 100).length).toBeGreaterThan(DRAWS / 10);
  }
});

test("a delay doubles up to its most, and a half of it is random", () => {
  expect(Math.max(...draw(() => backoff(1, 100, 5_000)))).toBeLessThanOrEqual(100);
  expect(Math.min(...draw(() => backoff(20, 100, 5_000)))).toBeGreaterThanOrEqual(2_500);
  expect(new Set(draw(() => backoff(20, 100, 5_000))).size).toBeGreaterThan(DRAWS / 2);
});
