import { expect, test } from "vitest";
import { backoff, spread, TokenBucket, TokenBuckets } from "./pacing.ts";

test("a burst is taken at once; then one token per interval", () => {
  const bucket = new TokenBucket(3, 10, 0);
  expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([0, 0, 0]);
  expect(bucket.take(0)).toBe(100);
  expect(bucket.take(50)).toBe(50);
  expect(bucket.take(100)).toBe(0);
  expect(bucket.take(100)).toBe(100);
});

test("it is full again after the burst's time, and never more than full", () => {
  const bucket = new TokenBucket(2, 10, 0);
  bucket.take(0);
  bucket.take(0);
  expect(bucket.isFull(199)).toBe(false);
  expect(bucket.isFull(1_000)).toBe(true);
  expect([bucket.take(1_000), bucket.take(1_000)]).toEqual([0, 0]);
  expect(bucket.take(1_000)).toBe(100);
});

test("more may be spent than there is; the debt is paid by time", () => {
  const bucket = new TokenBucket(10, 10, 0);
  bucket.spend(0, 15);
  expect(bucket.delay(0, 0)).toBe(500);
  expect(bucket.delay(0, 5)).toBe(1_000);
  expect(bucket.delay(500, 0)).toBe(0);
  expect(bucket.isFull(1_499)).toBe(false);
  expect(bucket.isFull(1_500)).toBe(true);
});

test("buckets by key each have the whole rate, and those that are full again take no memory", () => {
  const buckets = new TokenBuckets({ burst: 1, perSecond: 1 });
  for (let key = 0; key < 10_000; key++) expect(buckets.take(`${key}`, key)).toBe(0);
  expect(buckets.take("9999", 9_999)).toBeGreaterThan(0);
  expect(buckets.size).toBeLessThan(3_000);
});

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
