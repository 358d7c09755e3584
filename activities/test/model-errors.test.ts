import type { Turn } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";
import { raw, type RawReply } from "@holdfast/model-server";
import { expect, test } from "vitest";
import { Breakers } from "../src/breakers.ts";
import { firstTurn } from "./first-turn.ts";
import { question, type RunOptions, stateOf, turnOf, useFixture } from "./fixture.ts";

const use = useFixture();
const { text: T, reasoning: R, finish: F, done: D, whole, event, stream } = raw;

interface Complaint {
  failure: string;
  calls: number;
  code: string;
}
const refused = { failure: "refused", calls: 1, code: "model_refused" };
const quota = { failure: "quota", calls: 1, code: "model_refused" };
const content = { failure: "content", calls: 1, code: "content_refused" };
const tooLong = { failure: "too_long", calls: 1, code: "context_too_long" };
const limited = { failure: "limited", calls: 8, code: "model_unavailable" };
const overloaded = { failure: "overloaded", calls: 8, code: "model_unavailable" };
const broken = { failure: "broken", calls: 5, code: "model_unavailable" };

/** What servers put into a stream whose status was 200. */
const IN_STREAM: [unknown, Complaint][] = [
  [{ error: { message: "maximum context length exceeded", code: 400 } }, tooLong],
  [{ error: { message: "bad", type: "BadRequestError", code: "400" } }, refused],
  [{ error: { message: "bad", type: "invalid_request_error" } }, refused],
  [{ error: { message: "no such model", code: "model_not_found" } }, refused],
  [{ error: { message: "slow down", code: 429 } }, limited],
  [{ error: { message: "x", type: "rate_limit_error", code: null } }, limited],
  [{ error: { message: "Overloaded", type: "overloaded_error" } }, overloaded],
  [{ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, overloaded],
  [{ error: { message: "EngineCore died", type: "InternalServerError", code: 500 } }, broken],
  [{ object: "error", message: "bad", type: "BadRequestError", code: 400 }, refused],
  [{ error: "Request failed during generation", error_type: "generation" }, broken],
  [
    { error: { code: 502, message: "Provider returned error", metadata: { raw: "upstream", provider_name: "x" } } },
    broken,
  ],
  [{ choices: [{ index: 0, delta: {}, finish_reason: "error", error: { code: 429, message: "x" } }] }, limited],
  [
    {
      error: {
        code: 400,
        message: "Provider returned error",
        metadata: { raw: '{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}' },
      },
    },
    tooLong,
  ],
  [{ error: { message: "x", code: "content_filter" } }, content],
  [{ error: { message: "You exceeded your current quota", code: "insufficient_quota" } }, quota],
];
test.for(IN_STREAM)("an error in a stream is read as what it is: %j", async ([object, { failure, calls, code }]) => {
  const failed = await use.fixture.ask([stream(event(object), D)]);
  expect(failed).toMatchObject({ failures: Array(calls).fill(failure), calls, code });
});

test.for<[string, string]>([
  ["as a field of its own", 'error: {"code":400,"message":"bad","type":"invalid_request_error"}\n\n'],
  ["as an event of its own", 'event: error\ndata: {"message":"bad","code":"400"}\n\n'],
  ["as bare JSON", '{"error":{"message":"bad","code":400}}\n'],
  ["in a list", '[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]'],
])("an error %s, also after text, is no answer", async ([, piece]) => {
  for (const pieces of [[piece], [T("Half"), piece]]) {
    if (piece.startsWith("[") && pieces.length > 1) continue;
    expect(await use.fixture.ask([{ pieces }])).toMatchObject({ calls: 1, code: "model_refused", text: undefined });
  }
});

/** Statuses with the bodies of real servers. */
const STATUSES: [number, unknown, Complaint][] = [
  [401, { error: { message: "Incorrect API key provided: sk-secret", code: "invalid_api_key" } }, refused],
  [403, { detail: "Forbidden" }, refused],
  [404, { error: { message: 'model "x" not found', type: "api_error" } }, refused],
  [405, "Method Not Allowed", refused],
  [302, "", refused],
  [402, { error: { message: "Insufficient Balance" } }, quota],
  [
    429,
    { error: { message: "You exceeded your current quota, please check your plan", code: "insufficient_quota" } },
    quota,
  ],
  [429, { error: { message: "Rate limit reached" } }, limited],
  [
    429,
    { error: { message: "Request too large for gpt-4 on tokens per min (TPM): Limit 10, Requested 20." } },
    tooLong,
  ],
  [429, { error: { message: "The engine is currently overloaded", type: "engine_overloaded_error" } }, overloaded],
  [408, "", broken],
  [409, "", broken],
  [425, "", broken],
  [424, { error: "Request failed during generation" }, broken],
  [500, "Internal Server Error", broken],
  [502, "<html><h1>502 Bad Gateway</h1></html>", broken],
  [503, { error: { message: "Loading model", type: "unavailable_error", code: 503 } }, overloaded],
  [529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, overloaded],
  [413, "Payload Too Large", tooLong],
  [
    400,
    {
      error: {
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        code: "context_length_exceeded",
      },
    },
    tooLong,
  ],
  [
    400,
    {
      error: {
        code: 400,
        message: "the request exceeds the available context size",
        type: "exceed_context_size_error",
        n_ctx: 4096,
      },
    },
    tooLong,
  ],
  [
    400,
    {
      object: "error",
      message: "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
      code: 400,
    },
    tooLong,
  ],
  [400, { error: { message: "input length exceeds the context length" } }, tooLong],
  [
    400,
    { error: { message: "Requested token count exceeds the model's maximum context length of 8192 tokens." } },
    tooLong,
  ],
  [
    422,
    {
      error: "Input validation error: `inputs` must have less than 1024 tokens. Given: 3000",
      error_type: "validation",
    },
    tooLong,
  ],
  [
    400,
    [
      {
        error: {
          code: 400,
          message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
          status: "INVALID_ARGUMENT",
        },
      },
    ],
    tooLong,
  ],
  [
    400,
    {
      object: "error",
      message: "Prompt contains 33000 tokens, too large for model with 32768 maximum context length",
      type: "invalid_request_error",
    },
    tooLong,
  ],
  [
    400,
    {
      type: "error",
      error: { type: "invalid_request_error", message: "prompt is too long: 205000 tokens > 200000 maximum" },
    },
    tooLong,
  ],
  [
    400,
    { error: { message: "max_tokens is too large: 100000. This model supports at most 16384 completion tokens" } },
    refused,
  ],
  [
    400,
    {
      error: {
        code: "content_filter",
        message: "The response was filtered",
        innererror: { code: "ResponsibleAIPolicyViolation" },
      },
    },
    content,
  ],
  [
    400,
    { error: { code: "data_inspection_failed", message: "Input data may contain inappropriate content." } },
    content,
  ],
  [400, { error: { code: "invalid_prompt", message: "Invalid prompt: your prompt was flagged" } }, content],
  [403, { error: { code: 403, message: "Your input was flagged", metadata: { reasons: ["violence"] } } }, content],
  [400, { error: { message: "Unsupported parameter: 'temperature'", type: "invalid_request_error" } }, refused],
  [
    422,
    { detail: [{ msg: "field required", input: { messages: "my content filter maximum context length" } }] },
    refused,
  ],
];
test.for(STATUSES)("HTTP %i %j", async ([status, body, { failure, calls, code }]) => {
  const pieces = [typeof body === "string" ? body : JSON.stringify(body)];
  const headers = {
    "content-type": "application/json",
    ...(status === 302 ? { location: "http://127.0.0.1:9/" } : {}),
  };
  const failed = await use.fixture.ask([{ status, headers, pieces }]);
  expect(failed).toMatchObject({ failures: Array(calls).fill(failure), calls, code });
  expect(failed.error?.message).not.toMatch(/HTTP|HOLDFAST|sk-secret|server/);
});

test.for<[string, RawReply]>([
  ["a web page with status 200", { headers: { "content-type": "text/html" }, pieces: ["<!doctype html><p>Log in"] }],
  ["an empty body", { pieces: [] }],
  ["an error's body that never comes", { status: 500, pieces: [], end: "hang" }],
])("%s is a broken answer", async ([, reply]) => {
  expect(await use.fixture.ask([reply])).toMatchObject({
    failures: Array(5).fill("broken"),
    code: "model_unavailable",
  });
});

test("only what says something about the server's health counts in the breaker", async () => {
  const bad: RawReply[] = IN_STREAM.filter(([, { failure }]) =>
    ["refused", "content", "too_long", "quota"].includes(failure),
  ).map(([object]) => stream(event(object), D));
  const spent = stream(R("hm"), F("length"), D);
  const breakers = new Breakers();
  for (const reply of [...bad, ...bad, spent, spent, spent]) await use.fixture.ask([reply], { breakers });
  expect(breakers.report().map(({ state }) => state)).toEqual(["closed"]);
});

test("limits of rate: a pause asked for in the error's words is kept", async () => {
  const message = "Rate limit reached. Please try again in 7.66s.";
  use.fixture.model.setReplies(() => stream(event({ error: { message, code: "rate_limit_exceeded" } }), D));
  const failure: unknown = await use.fixture.run(question()).result.catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: "model_unavailable", nonRetryable: false });
  const { nextRetryDelay } = Object(failure);
  expect(nextRetryDelay).toBeGreaterThanOrEqual(7_660);
  expect(nextRetryDelay).toBeLessThan(9_000);
});

/** The turn after ones that were like this. */
function laterTurn(earlier: Turn[], said: string): { request: StepRequest; options: RunOptions } {
  const turns = earlier.map((turn, index) => ({ ...turn, turn: index + 1 }));
  const request = { ...firstTurn(said), turn: turns.length + 1, startedVersion: turns.length * 2 + 1 };
  return { request, options: { queryState: async () => stateOf(request, turns) } };
}
function turn(said: string, answered: string, failed?: string): Turn {
  if (failed === undefined) return turnOf(1, said, answered);
  return turnOf(1, said, answered, { outcome: "failed", finish: "error", error: { code: failed, message: "…" } });
}
const newest = (): { role: string; content: string }[] => use.fixture.model.calls.at(-1)?.messages ?? [];

/** A server that refuses what its filter finds anywhere, or what is longer than it holds. */
function strict({
  word,
  characters = 1e9,
}: {
  word?: string;
  characters?: number;
}): (call: { messages: { content: string }[] }) => RawReply {
  const refuse = (code: string): RawReply => ({
    status: 400,
    headers: { "content-type": "application/json" },
    pieces: [JSON.stringify({ error: { message: "no", code } })],
  });
  return ({ messages }) => {
    const contents = messages.map((message) => message.content).join("");
    if (word !== undefined && contents.includes(word)) return refuse("content_filter");
    return contents.length > characters ? refuse("context_length_exceeded") : whole("Fine.");
  };
}

test("turn-5: what the provider refused does not poison what follows", async () => {
  use.fixture.model.setReplies(strict({ word: "forbidden" }));
  const first = await use.fixture.settle(firstTurn("a forbidden thing"));
  expect(first).toMatchObject({ error: { type: "content_refused" }, attempts: 1, failures: ["content"] });
  const { request, options } = laterTurn(
    [turn("hi", "Hello"), turn("a forbidden thing", "", "content_refused")],
    "hello",
  );
  expect(await use.fixture.settle(request, options)).toMatchObject({ result: { text: "Fine." }, failures: [] });
  expect(newest().map(({ content: said }) => said)).toEqual(["hi", "Hello", "hello"]);
});

test("a refusal because of something said long before: the newest message is asked alone", async () => {
  use.fixture.model.setReplies(strict({ word: "forbidden" }));
  const { request, options } = laterTurn([turn("hi", "a forbidden answer")], "hello");
  expect(await use.fixture.settle(request, options)).toMatchObject({
    result: { text: "Fine." },
    failures: ["content"],
  });
  expect(newest()).toEqual([{ role: "user", content: "hello" }]);
  const again = laterTurn([turn("hi", "Hello")], "one more forbidden thing");
  expect(await use.fixture.settle(again.request, again.options)).toMatchObject({
    error: { type: "content_refused" },
    attempts: 1,
    failures: ["content", "content"],
  });
});

test("a conversation that is too long for the server is asked with less of it, and a message that is, fails saying so", async () => {
  use.fixture.model.setReplies(strict({ characters: 8_000 }));
  const long = "word ".repeat(1_000);
  const said = [turn(long, "Fine."), turn(long, "Fine.")];
  for (let turns = 0; turns <= said.length; turns++) {
    const { request, options } = laterTurn(said.slice(0, turns), long);
    const { result, failures } = await use.fixture.settle(request, options);
    expect(result?.text).toBe("Fine.");
    expect(failures.length).toBeLessThanOrEqual(2);
  }
  const short = laterTurn([...said, turn("my name is Ann", "Hello Ann")], "who am I?");
  expect((await use.fixture.settle(short.request, short.options)).failures).toEqual(["too_long"]);
  expect(newest().map(({ content: kept }) => kept)).toEqual(["my name is Ann", "Hello Ann", "who am I?"]);
  const { request, options } = laterTurn(said, "word ".repeat(2_000));
  const failed = await use.fixture.settle(request, options);
  expect(failed).toMatchObject({ error: { type: "context_too_long" }, attempts: 1 });
  expect(failed.error?.message).toContain("too long");
});

test("a conversation is cut to what the model is said to hold, before it is sent", async () => {
  use.fixture.model.setReplies(strict({ characters: 8_000 }));
  const long = "word ".repeat(400);
  const { request, options } = laterTurn([turn(long, long), turn(long, long), turn("hi", "Hello")], long);
  expect(await use.fixture.settle(request, { ...options, contextTokens: 2_048 })).toMatchObject({ failures: [] });
  expect(newest().map(({ content: kept }) => kept)).toEqual(["hi", "Hello", long]);
});
