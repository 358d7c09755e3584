/** What goes wrong in the middle of a stream. `after`: tokens sent before it happens. */
export type StreamFault =
  /** Silence on an open connection. */
  | { kind: "stall"; after: number }
  /** The connection is cut. */
  | { kind: "cut"; after: number }
  /** One chunk is not JSON; the stream goes on after it. */
  | { kind: "malformed"; after: number }
  /** An error object in the stream, as OpenAI-compatible servers send when they fail after the headers. */
  | { kind: "error"; after: number };

/** How one call goes wrong. */
export type Fault =
  | StreamFault
  | { kind: "status"; status: number }
  /** Nothing at all, not even headers. */
  | { kind: "hang" }
  /** Every token, then `[DONE]`, but no finish reason. */
  | { kind: "nofinish" }
  /** A correct answer without any text. */
  | { kind: "empty" };

/** A fault and how many of the calls it befalls, first come first served. */
export interface PlannedFault {
  fault: Fault;
  times: number;
}

export interface Script {
  /** Faults of the first calls, in order; then calls succeed. */
  faults: PlannedFault[];
  /** Length of the answer; undefined: the server's own 40. */
  tokens: number | undefined;
  /** Milliseconds between tokens, and before the first. */
  delayMs: number;
  firstDelayMs: number;
  /** UTF-16 code units of one token instead of a numbered word; makes huge answers. */
  tokenLength: number | undefined;
  /** `Retry-After` of refusals: seconds, or that many seconds ahead as an HTTP date. */
  retryAfter: { seconds: number; asDate: boolean } | undefined;
  /** Each call for a message is answered in other words: two attempts can be told apart. */
  distinct: boolean;
  /** Emoji in every token. */
  multibyte: boolean;
  /** Write the response byte by byte, so that characters arrive in pieces. */
  splitBytes: boolean;
  /** Put the two halves of a surrogate pair into different chunks. */
  splitPairs: boolean;
}

export const PLAIN: Script = {
  faults: [],
  tokens: undefined,
  delayMs: 0,
  firstDelayMs: 0,
  tokenLength: undefined,
  retryAfter: undefined,
  distinct: false,
  multibyte: false,
  splitBytes: false,
  splitPairs: false,
};

/** Thrown for a directive nobody knows: a test that misspells one must not pass. */
export class ScriptError extends Error {
  override name = "ScriptError";
}

/**
 * Parses comma-separated directives, e.g. `429x2,retry-after=1,slow=20ms,tokens=50,cut@10`.
 *
 * - a status (`429`, `500`, …), `hang`, `stall@N`, `cut@N`, `malformed@N`, `error@N`, `nofinish`, `empty`: a fault of the first
 *   call; `xN` of the first N, `x*` of all. `@N`: after N tokens, 0 when left out.
 * - `tokens=N`, `delay=Dms` (or `slow=Dms`), `first=Dms`, `token-length=N`, `retry-after=S` (or `date:S`).
 * - `distinct`, `multibyte`, `split-bytes`, `split-pairs`.
 */
export function parseScript(text: string, base: Script = PLAIN): Script {
  const script: Script = { ...base, faults: [...base.faults] };
  for (const directive of text.split(",")) {
    const trimmed = directive.trim();
    if (trimmed !== "") apply(script, trimmed);
  }
  return script;
}

function apply(script: Script, directive: string): void {
  const [name = "", value] = directive.split("=");
  switch (name) {
    case "tokens":
      script.tokens = wholeNumber(value, directive);
      return;
    case "delay":
    case "slow":
      script.delayMs = milliseconds(value, directive);
      return;
    case "first":
      script.firstDelayMs = milliseconds(value, directive);
      return;
    case "token-length":
      script.tokenLength = wholeNumber(value, directive);
      return;
    case "retry-after":
      script.retryAfter = parseRetryAfter(value, directive);
      return;
    case "distinct":
      script.distinct = true;
      return;
    case "multibyte":
      script.multibyte = true;
      return;
    case "split-bytes":
      script.splitBytes = true;
      return;
    case "split-pairs":
      script.splitPairs = true;
      return;
    default:
      script.faults.push(parseFault(directive));
  }
}

function parseFault(directive: string): PlannedFault {
  const match = /^(?<kind>[a-z]+|[1-5]\d\d)(?:@(?<after>\d+))?(?:x(?<times>\d+|\*))?$/.exec(directive);
  const { kind = "", after = "0", times = "1" } = match?.groups ?? {};
  const fault = faultOf(kind, Number(after));
  if (fault === undefined) throw new ScriptError(`"${directive}" is not a directive of the model server.`);
  return { fault, times: times === "*" ? Number.POSITIVE_INFINITY : Number(times) };
}

function faultOf(kind: string, after: number): Fault | undefined {
  switch (kind) {
    case "hang":
    case "nofinish":
    case "empty":
      return { kind };
    case "stall":
    case "cut":
    case "malformed":
    case "error":
      return { kind, after };
    default:
      return /^[1-5]\d\d$/.test(kind) ? { kind: "status", status: Number(kind) } : undefined;
  }
}

function parseRetryAfter(value: string | undefined, directive: string): { seconds: number; asDate: boolean } {
  const asDate = value?.startsWith("date:") ?? false;
  return { seconds: wholeNumber(asDate ? value?.slice(5) : value, directive), asDate };
}

function milliseconds(value: string | undefined, directive: string): number {
  return wholeNumber(value?.endsWith("ms") ? value.slice(0, -2) : value, directive);
}

function wholeNumber(value: string | undefined, directive: string): number {
  const number = value === undefined || value === "" ? Number.NaN : Number(value);
  if (!Number.isInteger(number) || number < 0) throw new ScriptError(`"${directive}" needs a whole number.`);
  return number;
}
