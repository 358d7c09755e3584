import { raw, type RawReply } from "@holdfast/model-server";
import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";

const use = useFixture();
const { text: T, reasoning: R, finish: F, usage: U, done: D, whole, event, choice, stream } = raw;

test.for([
  "abort",
  "error",
  "network_error",
  "cancelled",
  "insufficient_system_resource",
  "engine_error",
  "timeout",
  "MALFORMED_FUNCTION_CALL",
  "engine_overloaded_error",
  "worker_crashed",
])(
  "turn-4: an answer that ends by %j broke: it is asked for again, and half of it is never committed",
  async (word) => {
    expect(await use.fixture.ask([stream(T("Half of"), F(word), U, D), whole("All of it")])).toMatchObject({
      text: "All of it",
      calls: 2,
      failures: ["broken"],
      held: "All of it",
    });
    const always = await use.fixture.ask([stream(T("Half of"), F(word), U, D)]);
    expect(always).toMatchObject({ calls: 5, code: "model_unavailable", text: undefined, held: "Half of" });
  },
);

test("turn-4: a broken answer is continued where the server can", async () => {
  const replies = [stream(T("Half of"), F("abort"), U, D), whole(" it all")];
  expect(await use.fixture.ask(replies, { continues: "vllm" })).toMatchObject({ text: "Half of it all", calls: 2 });
});

test.for<[unknown, string]>([
  ["stop", "stop"],
  ["STOP", "stop"],
  ["FinishReason.STOP", "stop"],
  ["eos", "stop"],
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["COMPLETE", "stop"],
  ["tool_calls", "stop"],
  ["function_call", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["MAX_TOKENS", "length"],
  ["model_length", "length"],
  ["content_filter", "filtered"],
  ["SAFETY", "filtered"],
  ["RECITATION", "filtered"],
  ["sensitive", "filtered"],
  ["refusal", "filtered"],
])("an answer that ends by %j is asked for once, and its result says %s", async ([word, finish]) => {
  const { result, calls } = await use.fixture.ask([stream(T("Some text"), F(word), U, D)]);
  expect(result).toMatchObject({ text: "Some text", finish });
  expect(calls).toBe(1);
});

test.for<[string, RawReply]>([
  ["a word nobody knows", stream(T("Hello"), F("banana"), D)],
  ["no word at all", stream(T("Hello"), D)],
])("%s: asked again, and said twice it is that server's way to end an answer", async ([, reply]) => {
  expect(await use.fixture.ask([reply])).toMatchObject({ text: "Hello", calls: 2, failures: ["unclear"] });
  expect(await use.fixture.ask([reply, whole("Hello, you")])).toMatchObject({ text: "Hello, you", calls: 2 });
});

const ENDINGS: [string, RawReply][] = [
  ["after [DONE] the connection stays open", { pieces: [T("Hello"), F("stop"), U, D], end: "hang" }],
  ["after [DONE] it breaks", { pieces: [T("Hello"), F("stop"), U, D], end: "reset" }],
  ["after [DONE] comes garbage", stream(T("Hello"), F("stop"), D, "data: {garb\n\n", "<html>")],
  ["[DONE] and garbage in one piece", stream(`${T("Hello")}${F("stop")}${D}data: {garb\n\n`)],
  ["no [DONE]", stream(T("Hello"), F("stop"), U)],
  ["no [DONE], and the connection stays open", { pieces: [T("Hello"), F("stop"), U], end: "hang" }],
  ["no [DONE], and it breaks", { pieces: [T("Hello"), F("stop"), U], end: "reset" }],
  ["an error after the finish", stream(T("Hello"), F("stop"), event({ error: { message: "usage", code: 500 } }))],
  ["the finish comes with the last text", stream(T("Hel"), choice({ content: "lo" }, "stop"), D)],
  [
    "the finish comes with every text",
    stream(choice({ content: "Hel" }, "stop"), choice({ content: "lo" }, "stop"), D),
  ],
  ["finish reasons are empty until the last", stream(choice({ content: "Hello" }, ""), F("stop"), D)],
  ["the last event has no empty line", stream(T("Hello"), F("stop"), "data: [DONE]")],
];
test.for(ENDINGS)("the answer is over when the protocol says so: %s", async ([, reply]) => {
  expect(await use.fixture.ask([reply])).toMatchObject({
    text: "Hello",
    calls: 1,
    held: "Hello",
    result: { finish: "stop" },
  });
});

const CHUNKS: [string, string][] = [
  ["usage without choices", event({ id: "x", usage: { prompt_tokens: 1, completion_tokens: 2 } })],
  ["no choices", event({ id: "x" })],
  ["choices: null", event({ id: "x", choices: null })],
  ["choices: []", event({ id: "x", choices: [], prompt_filter_results: [] })],
  ["an empty delta", choice({})],
  ["delta: null", choice(null)],
  ["no delta", event({ choices: [{ index: 0 }] })],
  ["content: null", choice({ role: "assistant", content: null })],
  ["usage: null", event({ choices: [{ index: 0, delta: { content: "" } }], usage: null })],
  ["error: null", event({ choices: [], error: null })],
  ["members nobody knows", event({ choices: [{ index: 0, delta: { audio: {} }, x: 1 }], y: [] })],
  ["another choice", event({ choices: [{ index: 1, delta: { content: "other" } }] })],
  ["reasoning", choice({ reasoning: "secret", reasoning_details: [{ type: "x" }] })],
  ["a part of reasoning", choice({ content: [{ type: "thinking", thinking: [{ type: "text", text: "secret" }] }] })],
  ["a comment", ": OPENROUTER PROCESSING\n\n"],
  ["a ping", "event: ping\ndata: {}\n\n"],
  ["a keep-alive that is no JSON", "data: keep-alive\n\n"],
  ["an empty event", "data:\n\n"],
];
test.for(CHUNKS)("%s is no reason to break off, wherever it comes", async ([, chunk]) => {
  const reply = stream(chunk, T("Hel"), chunk, T("lo"), F("stop"), chunk, D);
  expect(await use.fixture.ask([reply])).toMatchObject({ text: "Hello", calls: 1, held: "Hello" });
});

const HELLO = { choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "stop" }] };
const MESSAGE = { choices: [{ index: 0, message: { content: "Hello" }, finish_reason: "stop" }] };
const FRAMINGS: [string, RawReply][] = [
  ["no space after the colon", stream(`data:${JSON.stringify(HELLO)}\n\ndata:[DONE]\n\n`)],
  ["CRLF", stream(`data: ${JSON.stringify(HELLO)}\r\n\r\ndata: [DONE]\r\n\r\n`)],
  ["a byte order mark", stream(`\uFEFFdata: ${JSON.stringify(HELLO)}\n\n`, D)],
  ["no empty lines between the events", stream(`data: ${JSON.stringify(HELLO)}\ndata: [DONE]\n`)],
  ["content as parts", stream(choice({ content: [{ type: "text", text: "Hel" }, "lo"] }), F("stop"), D)],
  ["a whole answer instead of a stream", stream(JSON.stringify(MESSAGE))],
  ["a whole answer, and the connection stays open", { pieces: [JSON.stringify(MESSAGE, null, 2)], end: "hang" }],
  ["a whole answer as an event", stream(event(MESSAGE), D)],
  [
    "one object a line",
    stream(
      `${JSON.stringify({ choices: [{ delta: { content: "Hel" } }] })}\n`,
      `${JSON.stringify({ choices: [{ delta: { content: "lo" }, finish_reason: "stop" }] })}\n`,
    ),
  ],
  ["another content type", { headers: { "content-type": "application/octet-stream" }, pieces: [event(HELLO), D] }],
];
test.for(FRAMINGS)("however it is framed: %s", async ([, reply]) => {
  expect(await use.fixture.ask([reply])).toMatchObject({ text: "Hello", calls: 1 });
});

test("turn-5: a limit of tokens spent on reasoning: one call, and a sentence that says so", async () => {
  for (const reply of [stream(R("hm"), R("hm"), F("length"), U, D), stream(T("<think>hm"), F("length"), D)]) {
    const failed = await use.fixture.ask([reply]);
    expect(failed).toMatchObject({ calls: 1, code: "output_limit", failures: ["output_limit"], held: "" });
    expect(failed.error?.message).toContain("limit of tokens");
  }
});

test("an answer without a word is asked for once more", async () => {
  const nothing = stream(R("hm"), T("\n"), F("stop"), U, D);
  expect(await use.fixture.ask([nothing])).toMatchObject({
    calls: 2,
    code: "model_unavailable",
    failures: ["empty", "empty"],
  });
  expect(await use.fixture.ask([nothing, whole("Hello")])).toMatchObject({ calls: 2, text: "Hello", held: "Hello" });
});

test.for<[string, string]>([
  ["comments", ": PROCESSING\n\n"],
  ["reasoning", R("hm")],
  ["empty deltas", choice({ content: "" })],
])("%s show that a server lives, for as long as one answer may take", async ([, sign]) => {
  const signs = Array.from({ length: 10 }, () => [sign, 100]).flat();
  const config = { firstTextTimeoutMs: 500, idleTimeoutMs: 500, totalTimeoutMs: 60_000 };
  const slow = stream(...signs, T("Hello"), ...signs, F("stop"), D);
  expect(await use.fixture.ask([slow], { config })).toMatchObject({ text: "Hello", calls: 1 });
  const short = { ...config, totalTimeoutMs: 300 };
  expect(await use.fixture.ask([slow], { config: short })).toMatchObject({
    calls: 3,
    failures: Array(3).fill("timeout"),
  });
});

const THOUGHT_AND_SAID = [
  { type: "reasoning", text: "secret plan" },
  { type: "text", text: "The answer is 4." },
];

test.for<[string, (string | number)[]]>([
  ["by marks in its text", "<think>secret plan</think>The answer is 4.".split("").map((letter) => T(letter))],
  ["by the end of what its template began", [T("secret "), 100, T("plan"), 100, T("</think>The answer is 4.")]],
  ["as reasoning_content", [R("secret "), R("plan"), T("The answer is 4.")]],
  ["as reasoning", [choice({ reasoning: "secret plan" }), T("The answer is 4.")]],
  ["as both", [choice({ reasoning: "secret plan", reasoning_content: "secret plan" }), T("The answer is 4.")]],
  ["as thinking", [choice({ thinking: "secret plan" }), T("The answer is 4.")]],
  [
    "as parts of its content",
    [
      choice({ content: [{ type: "thinking", thinking: [{ type: "text", text: "secret plan" }] }] }),
      choice({ content: [{ type: "text", text: "The answer is 4." }] }),
    ],
  ],
])(
  "turn-4, part-2: reasoning is a part of its own and none of the answer, when a server tells it %s",
  async ([, pieces]) => {
    const asked = await use.fixture.ask([stream(...pieces, F("stop"), D)]);
    expect(asked).toMatchObject({ text: "The answer is 4.", held: "The answer is 4.", calls: 1 });
    expect(asked.result?.parts).toEqual(THOUGHT_AND_SAID);
    expect(asked.heldParts).toEqual(THOUGHT_AND_SAID);
  },
);

test("frame-5: reasoning that readers hold as text is taken back even when no answer follows it", async () => {
  const reply = stream(T("secret plan"), 100, T("</think>"), F("length"), D);
  const heldParts = [{ type: "reasoning", text: "secret plan" }];
  expect(await use.fixture.ask([reply])).toMatchObject({ code: "output_limit", held: "", heldParts });
});
