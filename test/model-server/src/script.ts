/** How one call goes wrong. `after`: tokens sent before it happens. */
export type Fault =
  /**
   * In the middle of a stream: silence on an open connection; a connection that is cut; one chunk that is not JSON, after which the
   * stream goes on; an error object, as OpenAI-compatible servers send when they fail after the headers.
   */
  | { kind: "stall" | "cut" | "malformed" | "error"; after: number }
  /** Nothing at all, not even headers; every token and `[DONE]`, but no finish reason; a correct answer without any text. */
  | { kind: "hang" | "nofinish" | "empty" }
  | { kind: "status"; status: number };

export interface Script {
  /** Faults of the first calls, in order, and how many calls each befalls; then calls succeed. */
  faults: { fault: Fault; times: number }[];
  /** Length of the answer; undefined: the server's own 40. */
  tokens: number | undefined;
  /** Tokens of reasoning, and how many tokens of the answer come before them. */
  reasoning: { tokens: number; after: number };
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
  reasoning: { tokens: 0, after: 0 },
  delayMs: 0,
  firstDelayMs: 0,
  tokenLength: undefined,
  retryAfter: undefined,
  distinct: false,
  multibyte: false,
  splitBytes: false,
  splitPairs: false,
};

/** Thrown for a request or a directive that nobody knows: a test that misspells one must not pass. */
export class ScriptError extends Error {
  override name = "ScriptError";
}

/**
 * Parses comma-separated directives, e.g. `429x2,retry-after=1,slow=20ms,tokens=50,cut@10`.
 *
 * - a status (`429`, `500`, …), `hang`, `stall@N`, `cut@N`, `malformed@N`, `error@N`, `nofinish`, `empty`: a fault of the first
 *   call; `xN` of the first N, `x*` of all. `@N`: after N tokens, those of reasoning among them; 0 when left out.
 * - `reasoning=N`: N tokens of `reasoning_content` before the answer; `reasoning=N@M`: after M tokens of it. An answer that is
 *   continued has none.
 * - `tokens=N`, `delay=Dms` (or `slow=Dms`), `first=Dms`, `token-length=N`, `retry-after=S` (or `date:S`).
 * - `distinct`, `multibyte`, `split-bytes`, `split-pairs`.
 */
export function parseScript(text: string): Script {
  const script: Script = { ...PLAIN, faults: [] };
  const directives = text.split(",").map((directive) => directive.trim());
  for (const directive of directives.filter((each) => each !== "")) apply(script, directive);
  return script;
}

function apply(script: Script, directive: string): void {
  const [name = "", value = ""] = directive.split("=");
  const number = (digits = value): number => {
    if (/^\d+$/.test(digits)) return Number(digits);
    throw new ScriptError(`"${directive}" needs a whole number.`);
  };
  const milliseconds = (): number => number(value.replace(/ms$/, ""));
  switch (name) {
    case "tokens":
      return void (script.tokens = number());
    case "reasoning": {
      const [tokens, after = "0"] = value.split("@");
      return void (script.reasoning = { tokens: number(tokens), after: number(after) });
    }
    case "delay":
    case "slow":
      return void (script.delayMs = milliseconds());
    case "first":
      return void (script.firstDelayMs = milliseconds());
    case "token-length":
      return void (script.tokenLength = number());
    case "retry-after":
      return void (script.retryAfter = {
        seconds: number(value.replace(/^date:/, "")),
        asDate: value.startsWith("date:"),
      });
    case "distinct":
    case "multibyte":
      return void (script[name] = true);
    case "split-bytes":
      return void (script.splitBytes = true);
    case "split-pairs":
      return void (script.splitPairs = true);
    default:
      script.faults.push(parseFault(directive));
  }
}

function parseFault(directive: string): Script["faults"][number] {
  const match = /^(?<kind>[a-z]+|[1-5]\d\d)(?:@(?<after>\d+))?(?:x(?<times>\d+|\*))?$/.exec(directive);
  const { kind = "", after = "0", times = "1" } = match?.groups ?? {};
  return { fault: faultOf(kind, Number(after), directive), times: times === "*" ? Infinity : Number(times) };
}

function faultOf(kind: string, after: number, directive: string): Fault {
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
      if (/^[1-5]\d\d$/.test(kind)) return { kind: "status", status: Number(kind) };
      throw new ScriptError(`"${directive}" is not a directive of the model server.`);
  }
}
