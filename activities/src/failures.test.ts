import { expect, test } from "vitest";
import { retryDelayMs } from "./failures.ts";

const config = { baseMs: 500, maxMs: 20_000 };

test("the longest delay doubles with every attempt, up to the maximum", () => {
  const longest = [1, 2, 3, 6, 7, 40].map((attempt) => retryDelayMs(attempt, undefined, config, () => 1));
  expect(longest).toEqual([500, 1_000, 2_000, 16_000, 20_000, 20_000]);
});

test("full jitter: the delay is a random share of the longest, never 0", () => {
  expect(retryDelayMs(3, undefined, config, () => 0.25)).toBe(500);
  expect(retryDelayMs(3, undefined, config, () => 0)).toBe(20);
});

test("Retry-After is obeyed with jitter on top", () => {
  expect(retryDelayMs(1, 2_000, config, () => 0)).toBe(2_000);
  expect(retryDelayMs(5, 2_000, config, () => 0.5)).toBe(2_250);
});
