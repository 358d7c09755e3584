import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.parse("Tue, 24 Nov 2026 08:00:00 GMT");

test.for<[Record<string, string> | undefined, number | undefined]>([
  [{ "retry-after": "2" }, 2_000],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "Tue, 24 Nov 2026 08:00:07 GMT" }, 7_000],
  [{ "retry-after": "Tue, 24 Nov 2026 07:59:00 GMT" }, 0],
  [{ "retry-after-ms": "150", "retry-after": "2" }, 150],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "-5" }, undefined],
  [{}, undefined],
  [undefined, undefined],
])("Retry-After in seconds and as a date: %j is %j ms", ([headers, expected]) => {
  expect(retryAfterMs(headers, NOW)).toBe(expected);
});
