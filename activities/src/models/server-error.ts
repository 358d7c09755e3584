import { isObject } from "./chunk.ts";
import { ModelError, type FailureClass } from "./model-error.ts";
import { retryAfterMs, retryHintMs } from "./retry-after.ts";

/** An error as a server told it: by an HTTP status, by an object in a stream whose status was 200, or by both. */
export interface Complaint {
  /** HTTP status of the response, unless it was a success. */
  status?: number;
  headers?: Headers;
  /** Parsed JSON, or the body's text. */
  body: unknown;
}

/**
 * Members in which servers put what they have to say. Others are not read: some servers quote the request in their errors, and
 * what a user wrote must not decide what his error means.
 */
const TELLING = new Set(
  "error errors message msg detail details code type status reason raw title description innererror error_type error_code error_msg metadata retryDelay retry_after".split(
    " ",
  ),
);
const DEEPEST = 6;

/** What a server complained of, flattened. */
interface Told {
  /** A status among the codes of the body. */
  status: number | undefined;
  /** Codes and types, then all of it, in lower case. */
  codes: string;
  text: string;
}

export function modelErrorOf(complaint: Complaint): ModelError {
  const told = tell(complaint.body);
  const status = complaint.status ?? told.status ?? statusOf(told);
  const hint = retryAfterMs(complaint.headers) ?? retryHintMs(told.text);
  const failure = classOf(status, told, hint !== undefined);
  const said = complaint.status === undefined ? "an error in its stream" : `HTTP ${complaint.status}`;
  const detail = `The model server answered ${said}${HINTS[failure] ?? ""}: ${told.text || "(no message)"}`;
  return new ModelError(failure, detail, { retryAfterMs: hint });
}

const HINTS: Partial<Record<FailureClass, string>> = {
  refused: " (check HOLDFAST_MODEL_URL, HOLDFAST_MODEL_KEY and HOLDFAST_MODEL_NAME)",
  too_long: " (set HOLDFAST_MODEL_CONTEXT_TOKENS to what the model holds)",
};

/** The words by which servers tell what their status alone does not. Each stands for error messages of real servers. */
const WORDS = {
  /** OpenAI, vLLM, SGLang, llama.cpp, Ollama, LM Studio, TGI, Anthropic, Gemini, Mistral, Bedrock, xAI, GitHub, Moonshot, Qwen. */
  tooLong:
    /context[ _-]?(length|window|size|limit|overflow)|context_?size|(maximum|max) (context|prompt|model|input) ?(length|tokens)|maximum number of (input )?tokens|(prompt|input|inputs|request|messages?|conversation|context|body|content)[^.]{0,60}(too (long|large|big)|exceed|is longer)|exceed[^.]{0,60}(token limit|tokens allowed|max(imum)? (length|tokens)|context)|too many (input |prompt |total )?tokens|reduce (the length|your (message|prompt|input))|longer than the[^.]{0,40}(context|model)|must have less than \d+ tokens|tokens_limit_reached|string_above_max_length|range of input length|number of tokens to keep/,
  /** A limit of tokens a minute below the size of one request: no pause will make it fit (OpenAI, Groq). */
  tooLongForRate: /request too large|must be reduced/,
  /** Too much was asked for as the answer: no shorter prompt helps. */
  outputParameter: /max_(completion_|output_|new_)?tokens[`'" ]*(is too large|must be|should be|cannot|exceeds)/,
  /** Azure, OpenAI, OpenRouter, DashScope, Volcengine, Zhipu, Moonshot, Gemini, Bedrock and LiteLLM guardrails. */
  content:
    /content[ _-]?(filter|polic|moderat|management|safety|security)|contentfilter|responsibleaipolicy|data_?inspection|inappropriate content|flagged|usage polic|safety (system|polic|filter|setting|reason)|violat[^.]{0,60}polic|sensitive[ _]?(content|information|word)|sensitivecontent|moderation|high risk|prohibited[ _]content|guardrail|prompt[ _](was )?blocked|block_?reason|invalid_prompt|"?1301"?$/,
  quota:
    /insufficient[ _-]?(quota|balance|credit|fund)|credit balance|out of credits|not enough credits|billing[ _](hard[ _])?limit|payment[ _]required|arrears|exceeded_current_quota|quota_exceeded|account[^.]{0,30}(suspended|deactivated)|spend(ing)? limit/,
  limited: /rate[ _-]?limit|too[ _]many[ _]requests|resource[ _]?exhausted|throttl|requests per (min|sec|day|hour)/,
  overloaded:
    /overload|at capacity|capacity exceeded|no capacity|server is busy|temporarily unavailable|loading model|queue is full/,
};

function classOf(status: number, told: Told, hasHint: boolean): FailureClass {
  const says = (words: RegExp): boolean => words.test(told.codes) || words.test(told.text);
  const isAboutKey = status === 401 || status === 404;
  if (status === 402 || (says(WORDS.quota) && !hasHint)) return "quota";
  if (status === 429) {
    if (says(WORDS.tooLongForRate)) return "too_long";
    return says(WORDS.overloaded) ? "overloaded" : "limited";
  }
  if (!isAboutKey) {
    if (says(WORDS.tooLongForRate)) return "too_long";
    if (WORDS.limited.test(told.codes) && status < 500) return "limited";
    if (says(WORDS.outputParameter)) return "refused";
    if (status === 413 || (status !== 403 && says(WORDS.tooLong))) return "too_long";
    if (status === 451 || says(WORDS.content)) return "content";
  }
  // 498: no capacity (Groq); 529: overloaded (Anthropic).
  if (status === 498 || status === 503 || status === 529) return "overloaded";
  if (status >= 500 && status !== 501 && status !== 505) return says(WORDS.overloaded) ? "overloaded" : "broken";
  // Timeout, conflict, failed generation (TGI), too early, client closed (nginx): another try may succeed.
  if ([408, 409, 424, 425, 499].includes(status)) return "broken";
  return status >= 300 ? "refused" : "broken";
}

/** A status for errors that have none, by the names servers give to their kinds of error. */
const STATUS_BY_CODE: [RegExp, number][] = [
  [/rate_?limit|too_?many_?requests|resource_?exhausted|throttl/, 429],
  [/overload|unavailable|capacity|busy/, 503],
  [/auth|permission|forbidden|api_?key/, 401],
  [/not_?found/, 404],
  [/timeout|deadline/, 408],
  [
    /invalid_?request|bad_?request|invalid_?argument|failed_?precondition|unprocessable|validation|invalid_?parameter/,
    400,
  ],
];

function statusOf({ codes, text }: Told): number {
  const match = STATUS_BY_CODE.find(([name]) => name.test(codes));
  if (match !== undefined) return match[1];
  return WORDS.tooLong.test(text) || WORDS.content.test(text) ? 400 : 500;
}

function tell(body: unknown): Told {
  const [codes, texts]: [string[], string[]] = [[], []];
  let status: number | undefined;
  const walk = (value: unknown, name: string, depth: number): void => {
    if (depth > DEEPEST) return;
    if (Array.isArray(value)) for (const item of value) walk(item, name, depth + 1);
    else if (isObject(value)) {
      for (const [member, inner] of Object.entries(value)) if (TELLING.has(member)) walk(inner, member, depth + 1);
    } else if (typeof value === "string" || typeof value === "number") {
      const text = String(value);
      if (/code|type|status|reason/.test(name)) {
        codes.push(text);
        if (/^[345]\d\d$/.test(text)) status ??= Number(text);
      }
      if (name === "retryDelay") texts.push(`retry after ${text}`);
      else if (name === "retry_after") texts.push(`retry after ${text} s`);
      else texts.push(text);
      // Gateways pass the answer of the server behind them on as text.
      if (name === "raw" && text.startsWith("{")) walk(parsed(text), name, depth + 1);
    }
  };
  walk(body, "error", 0);
  const whole = [...new Set(texts)].join(" · ").slice(0, 4_096);
  return { status, codes: codes.join(" ").toLowerCase(), text: whole.toLowerCase() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** No response came: nobody listens, no such name, no trust in the certificate, or the connection broke before the headers. */
export function unreachable(error: unknown): ModelError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = isObject(cause) && typeof cause["code"] === "string" ? `${cause["code"]}: ` : "";
  const said = cause instanceof Error ? cause.message : String(cause);
  return new ModelError("unreachable", `The model server could not be reached (HOLDFAST_MODEL_URL): ${code}${said}`, {
    cause: error,
  });
}
