import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("connect-6: each delay is a uniform share of a ceiling that doubles up to the maximum, also from the fifth attempt on", () => {
  const shares = [0.5, 0.25, 1, 0, 0.75, 0.1, 0.9];
  let draw = 0;
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => shares[draw++] ?? 0 });
  expect(shares.map(() => backoff.next())).toEqual([50, 50, 400, 0, 750, 100, 900]);
  expect(backoff.attempt).toBe(7);
});

test("connect-6: after a reset delays begin from the shortest", () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 1 });
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test("err-2: the edge's retryAfterMs is waited in full, with the jitter on top", () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 0.5 });
  expect(backoff.next(2_000)).toBe(2_050);
});

test("connect-6: a thousand failures do not overflow the delay", () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 30_000, random: () => 1 });
  for (let i = 0; i < 1_000; i++) backoff.next();
  expect(backoff.next()).toBe(30_000);
});
