import { expect, test } from "vitest";
import { nextRate } from "./mix.ts";

test("the rate doubles until one does not hold, then goes to the middle", () => {
  expect(nextRate(100, Infinity)).toBe(200);
  expect(nextRate(100, 400)).toBeCloseTo(200);
  expect(nextRate(0, 400)).toBe(200);
});

test("the search closes in on any limit from either side", () => {
  for (const limit of [3, 116, 5_000]) {
    let held = 0;
    let failed = Infinity;
    let rate = 116;
    for (let probes = 0; failed > Math.max(held, 1) * 1.08; probes++) {
      expect(probes).toBeLessThan(20);
      if (rate <= limit) held = rate;
      else failed = rate;
      rate = nextRate(held, failed);
    }
    expect(held).toBeLessThanOrEqual(limit);
    expect(failed).toBeGreaterThan(limit);
  }
});
