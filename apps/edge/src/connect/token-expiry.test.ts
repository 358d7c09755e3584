import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TokenExpiry } from "./tokens.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function clock() {
  const said: string[] = [];
  const started = new TokenExpiry(
    (inMs) => said.push(`expiring in ${inMs}`),
    () => said.push("expired"),
  );
  return { said, started };
}

test("connect-5: a token's end is announced, and comes", () => {
  const { said, started } = clock();
  started.set(Date.now() + 90_000);
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual(["expiring in 30000"]);
  vi.advanceTimersByTime(90_000);
  expect(said).toEqual(["expiring in 30000", "expired"]);
});

test("connect-5: a renewed token ends when it says, not when the old one did", () => {
  const { said, started } = clock();
  started.set(Date.now() + 3_000);
  vi.advanceTimersByTime(2_500);
  started.set(Date.now() + 30_000);
  vi.advanceTimersByTime(10_000);
  expect(said).toEqual(["expiring in 1000"]);
});

test("connect-5: a renewal that comes after the connection's end holds nothing", () => {
  const { said, started } = clock();
  started.set(Date.now() + 3_000);
  started.end();
  started.set(Date.now() + 3_600_000);
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(4_000_000);
  expect(said).toEqual([]);
});
