import type { DataPart, Part } from "@holdfast/contract";
import { LIMITS, partLength } from "@holdfast/contract";
import { raw } from "@holdfast/model-server";
import { expect, test } from "vitest";
import type { Ended, Model, Models, Piece } from "../src/models/model.ts";
import { firstTurn } from "./first-turn.ts";
import { question, until, useFixture } from "./fixture.ts";

const use = useFixture();
const { text: T, reasoning: R, finish: F, done: D, whole, event, stream } = raw;
const text = (said: string): Part => ({ type: "text", text: said });
const reasoning = (said: string): Part => ({ type: "reasoning", text: said });

/** A model that says these pieces. */
function modelOf(...pieces: Piece[]): Models {
  async function* speak(): AsyncGenerator<Piece, Ended, void> {
    yield* pieces;
    return { finish: "stop", usage: {} };
  }
  const model: Model = {
    provider: "test",
    name: "scripted",
    promptTokens: () => undefined,
    continuesFrom: () => false,
    stream: () => speak(),
  };
  return { resolve: async () => model };
}

test("end-1: the result names the last frame where readers hold its parts", async () => {
  const request = question();
  use.fixture.model.setReplies(() => stream(R("hm"), 60, R(", yes"), 60, T("Hel"), 60, T("lo"), F("stop"), D));
  const { attempt, index, parts } = await use.fixture.run(request).result;
  expect([attempt, parts]).toEqual([1, [reasoning("hm, yes"), text("Hello")]]);
  expect(await use.fixture.running(request.key)).toMatchObject({ attempt: 1, index, parts });
  expect((await use.fixture.framesOf(request.key, "delta")).length).toBe(4);
});

test("grow-4: an attempt that goes on does so from the text, and the reasoning before it stays as it stands", async () => {
  const replies = [stream(R("secret"), T("Half of"), F("abort"), D), stream(T(" it all"), F("stop"), D)];
  const request = question();
  const asked = await use.fixture.ask(replies, { continues: "vllm" }, request);
  expect(asked.result).toMatchObject({ attempt: 2, parts: [reasoning("secret"), text("Half of it all")] });
  expect(asked.heldParts).toEqual(asked.result?.parts);
  expect(use.fixture.model.calls.at(-1)).toMatchObject({ prefix: "Half of" });
  expect(await use.fixture.framesOf(request.key, "rewind")).toEqual([]);
});

test("grow-4: an attempt that goes on and reasons again adds that behind, and turns only its own text into reasoning", async () => {
  const replies = [stream(R("one"), T("Half of"), F("abort"), D), stream(R("two"), T(" it all"), F("stop"), D)];
  const { result } = await use.fixture.ask(replies, { continues: "vllm" });
  expect(result?.parts).toEqual([reasoning("one"), text("Half of"), reasoning("two"), text(" it all")]);
  expect(result?.text).toBe("Half of it all");
});

test("frame-5: an attempt that starts over replaces reasoning and text of the one before", async () => {
  const replies = [stream(R("one"), T("Half of"), F("abort"), D), stream(R("two"), T("All"), F("stop"), D)];
  const request = question();
  const asked = await use.fixture.ask(replies, {}, request);
  expect(asked.result?.parts).toEqual([reasoning("two"), text("All")]);
  expect(asked.heldParts).toEqual(asked.result?.parts);
  const rewinds = await use.fixture.framesOf(request.key, "rewind");
  expect(rewinds.map(({ attempt, parts }) => [attempt, parts])).toEqual([[2, [reasoning("two")]]]);
});

test("command-2: an answer that is stopped while its model reasons has its reasoning", async () => {
  use.fixture.model.setReplies(() => ({ pieces: [R("hm")], end: "hang" }));
  const request = question();
  const running = use.fixture.run(request);
  await until(async () => (await use.fixture.heldParts(request.key)).length > 0);
  running.cancel("CANCELLED");
  expect(await running.result).toMatchObject({ finish: "interrupted", parts: [reasoning("hm")] });
});

test("command-2: an attempt that is stopped before it made anything has what readers hold of the one before", async () => {
  const request = question();
  use.fixture.model.setReplies(() => stream(R("hm"), T("Half"), F("abort"), D));
  await expect(use.fixture.run(request).result).rejects.toThrow("broke off");
  use.fixture.model.setReplies(() => ({ pieces: [], end: "hang" }));
  const running = use.fixture.run(request, { attempt: 2 });
  const calls = use.fixture.model.calls.length;
  await until(() => use.fixture.model.calls.length > calls);
  running.cancel("CANCELLED");
  const { parts, index } = await running.result;
  expect(parts).toEqual([reasoning("hm"), text("Half")]);
  expect(await use.fixture.running(request.key)).toMatchObject({ parts, index });
});

test("what a model thought of a question that was refused is no part of the answer to the next one", async () => {
  const refusal = event({ error: { message: "no", code: "content_filter" } });
  use.fixture.model.setReplies(({ messages }) =>
    messages.length > 1 ? stream(R("secret"), 60, refusal) : whole("Fine."),
  );
  const earlier = firstTurn("before");
  const first = await use.fixture.run(earlier).result;
  await use.fixture.endTurn(earlier, first);
  const request = { ...earlier, turn: 2, startedVersion: 3, applied: { "ann/p": 2 } };
  const { result, failures } = await use.fixture.settle(request);
  expect(failures).toEqual(["content"]);
  expect(result?.parts).toEqual([text("Fine.")]);
  expect(await use.fixture.heldParts(request.key)).toEqual([text("Fine.")]);
});

test("a model that is known to begin inside its reasoning streams it as that, and loses nothing when it does not", async () => {
  const models = use.fixture.models();
  const opened = stream(T("secret"), T("</think>One"), F("stop"), D);
  use.fixture.model.setReplies(() => opened);
  const run = async () => use.fixture.run(question(), { models }).result;
  expect((await run()).parts).toEqual([reasoning("secret"), text("One")]);
  const request = question();
  expect((await use.fixture.run(request, { models }).result).parts).toEqual([reasoning("secret"), text("One")]);
  expect(await use.fixture.framesOf(request.key, "rewind")).toEqual([]);
  use.fixture.model.setReplies(() => stream(T("A plain "), 100, T("answer"), F("stop"), D));
  expect((await run()).parts).toEqual([text("A plain answer")]);
});

test("limit-1, part-5: reasoning leaves room for an answer; what is over its share is heard and not kept", async () => {
  const config = { turnLength: 40 };
  const replies = [stream(R("x".repeat(15)), R("y".repeat(100)), T("The answer"), F("stop"), D)];
  const { result } = await use.fixture.ask(replies, { config });
  expect(result).toMatchObject({ finish: "stop", parts: [reasoning(`${"x".repeat(15)}yyyyy`), text("The answer")] });
  const long = stream(R("x".repeat(100)), T("z".repeat(100)), F("stop"), D);
  const cut = await use.fixture.ask([long], { config });
  expect(cut.result).toMatchObject({ finish: "limit", parts: [reasoning("x".repeat(20)), text("z".repeat(20))] });
  const opened = stream(T("x".repeat(30)), 60, T("</think>The answer"), F("stop"), D);
  const taken = await use.fixture.ask([opened], { config });
  expect(taken.result?.parts).toEqual([reasoning("x".repeat(20)), text("The answer")]);
});

test("part-5: data that a model tells is a part; what is over its limit is left out, and operators are told", async () => {
  const small: DataPart = { type: "data", name: "small", value: { a: [1] } };
  const empty: DataPart = { type: "data", name: "big", value: "" };
  const sized = (length: number): DataPart => ({ ...empty, value: "x".repeat(length - partLength(empty)) });
  const [largest, over] = [sized(LIMITS.partLength), sized(LIMITS.partLength + 1)];
  const said = [small, over, largest].map((part) => ({ kind: "data", part }) as const);
  const request = question();
  const running = use.fixture.run(request, { models: modelOf(...said, { kind: "text", text: "Hello" }) });
  expect((await running.result).parts).toEqual([small, largest, text("Hello")]);
  expect(await use.fixture.heldParts(request.key)).toEqual([small, largest, text("Hello")]);
  expect(running.warnings).toEqual(["a part is too large for its turn and is left out"]);
});

test("an answer of several parts that was whole before Temporal heard of it is not asked for again", async () => {
  const request = question();
  const data: DataPart = { value: { z: 1, a: [null, "é"] }, name: "n", type: "data" };
  const said: Piece[] = [
    { kind: "reasoning", text: "hm" },
    { kind: "data", part: data },
    { kind: "text", text: "Hello" },
  ];
  const first = await use.fixture.run(request, { models: modelOf(...said) }).result;
  const again = await use.fixture.run(request, { attempt: 2, models: modelOf({ kind: "text", text: "Other" }) }).result;
  expect(again).toEqual({ ...first, attempt: 2, spentMs: again.spentMs });
  expect(first.parts).toEqual([reasoning("hm"), data, text("Hello")]);
});

test("the embedded model tells what it read as data before it answers, and once when it goes on", async () => {
  const request = firstTurn("Hello! My order of $30 is late, I hate it.", { provider: "embedded" });
  const models = use.fixture.models();
  // To load it may hold this process for longer than Redis's answers are waited for.
  await models.resolve(request.request);
  const first = use.fixture.run(request, { models });
  await until(() => use.fixture.partialText(request.key));
  first.cancel("WORKER_SHUTDOWN");
  await expect(first.result).rejects.toMatchObject({ type: "worker_shutdown" });
  const { parts } = await use.fixture.run(request, { attempt: 2, models }).result;
  expect(parts).toEqual([
    {
      type: "data",
      name: "reading",
      value: {
        sentiment: expect.any(Number),
        entities: [{ text: "$30", type: "MONEY" }],
        keywords: expect.arrayContaining(["order"]),
      },
    },
    { type: "text", text: expect.stringContaining("embedded model") },
  ]);
  expect(await use.fixture.heldParts(request.key)).toEqual(parts);
  expect(await use.fixture.framesOf(request.key, "part")).toHaveLength(1);
});
