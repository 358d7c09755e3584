import { expect, test } from "vitest";
import { Latency } from "./recorder.ts";

test("percentiles are those of the recorded values, in milliseconds", () => {
  const latency = new Latency();
  for (let value = 1; value <= 1_000; value++) latency.record(value);
  const { count, p50, p95, p99, max } = latency.percentiles();
  expect(count).toBe(1_000);
  expect(p50).toBeCloseTo(500, -0.5);
  expect(p95).toBeCloseTo(950, -0.5);
  expect(p99).toBeCloseTo(990, -0.5);
  expect(max).toBeCloseTo(1_000, -0.5);
});

test("an empty latency has no percentiles, rather than a flattering zero", () => {
  expect(new Latency().percentiles()).toEqual({ count: 0, p50: null, p95: null, p99: null, max: null });
});

test("a latency over the longest is kept as the longest, not dropped", () => {
  const latency = new Latency();
  latency.record(3_600_000);
  expect(latency.percentiles().max).toBeGreaterThan(599_000);
});
