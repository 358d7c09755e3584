import { expect, test } from "vitest";
import { retryAfterMs, retryHintMs } from "./retry-after.ts";

const NOW = Date.parse("Tue, 24 Nov 2026 08:00:00 GMT");

test.for<[Record<string, string>, number | undefined]>([
  [{ "retry-after": "2" }, 2_000],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "Tue, 24 Nov 2026 08:00:07 GMT" }, 7_000],
  [{ "retry-after": "Tue, 24 Nov 2026 07:59:00 GMT" }, 0],
  [{ "retry-after-ms": "150", "retry-after": "2" }, 150],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "-5" }, undefined],
  [{}, undefined],
])("Retry-After in seconds and as a date: %j is %j ms", ([headers, expected]) => {
  expect(retryAfterMs(new Headers(headers), NOW)).toBe(expected);
});

test("a date is held against the server's own clock, whatever the worker's says", () => {
  const headers = { date: "Tue, 24 Nov 2026 10:00:00 GMT", "retry-after": "Tue, 24 Nov 2026 10:00:05 GMT" };
  expect(retryAfterMs(new Headers(headers), NOW)).toBe(5_000);
});

test.for<[string, number | undefined]>([
  ["Rate limit reached for gpt-4 on tokens per min (TPM): Limit 10000. Please try again in 7.66s.", 7_660],
  ["Please try again in 826ms. Visit the page.", 826],
  ["Please try again in 1m2.5s.", 62_500],
  ["Please retry after 26 seconds.", 26_000],
  ["Requests are limited, please wait 2 minutes", 120_000],
  ["Please retry in 17.5s.", 17_500],
  ["Try again in 1h5m0s", 3_900_000],
  ["Please try again later.", undefined],
  ["Limit 10000, used 9000", undefined],
])("the same in words: %s", ([text, expected]) => {
  expect(retryHintMs(text)).toBe(expected);
});
