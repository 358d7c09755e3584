/**
 * Milliseconds a response asks to wait: `retry-after-ms` (OpenAI's own), else RFC 9110 `Retry-After`, in seconds or as a date.
 * Undefined where it asks nothing or nothing sensible. `headers` have lower-case names; `now` is Unix milliseconds.
 */
export function retryAfterMs(
  headers: Record<string, string> | undefined,
  now: number = Date.now(),
): number | undefined {
  const exact = parseAmount(headers?.["retry-after-ms"]);
  if (exact !== undefined) return exact;
  const value = headers?.["retry-after"]?.trim();
  const seconds = parseAmount(value);
  if (seconds !== undefined) return seconds * 1_000;
  // HTTP dates begin with a day's name; Date.parse alone would take "-5" for a year.
  const date = value !== undefined && /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function parseAmount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
