/**
 * Milliseconds a response asks to wait: `retry-after-ms` (OpenAI's own), else RFC 9110 `Retry-After`, in seconds or as a date.
 * Undefined where it asks nothing or nothing sensible. A date is held against the server's own clock where it tells it.
 */
export function retryAfterMs(headers: Headers | undefined, now: number = Date.now()): number | undefined {
  const exact = parseAmount(headers?.get("retry-after-ms"));
  if (exact !== undefined) return exact;
  const value = headers?.get("retry-after")?.trim();
  const seconds = parseAmount(value);
  if (seconds !== undefined) return seconds * 1_000;
  const date = parseDate(value);
  return date === undefined ? undefined : Math.max(0, date - (parseDate(headers?.get("date")) ?? now));
}

function parseAmount(text: string | null | undefined): number | undefined {
  return typeof text === "string" && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** HTTP dates begin with a day's name; Date.parse alone would take "-5" for a year. */
function parseDate(text: string | null | undefined): number | undefined {
  const date = typeof text === "string" && /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

const HINT =
  /(?:again|retry|wait)\D{0,30}(?<duration>(?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|h|hours?|m|min|minutes?|s|sec|seconds?)\s*)+)\b/i;
const UNIT_MS: Record<string, number> = { ms: 1, milli: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/** The same in words, as servers write it into their errors: "try again in 1m2.5s", "retry after 26 seconds". */
export function retryHintMs(text: string): number | undefined {
  const duration = HINT.exec(text)?.groups?.["duration"];
  if (duration === undefined) return undefined;
  let sum = 0;
  for (const { groups } of duration.toLowerCase().matchAll(/(?<amount>[\d.]+)\s*(?<unit>ms|milli|min|[hms])/g)) {
    const unit = groups?.["unit"] ?? "";
    sum += Number(groups?.["amount"]) * (UNIT_MS[unit] ?? 0);
  }
  return sum;
}
