import { answerTokens, parseScript } from "@holdfast/model-server";
import { expect, test } from "vitest";
import type { Ended, Piece } from "../src/models/model.ts";
import { firstTurn, inputOf } from "./first-turn.ts";
import { stateOf, turnOf, until, useFixture } from "./fixture.ts";

const use = useFixture();

function answerTo(text: string, directives = ""): string {
  return answerTokens(text, parseScript(directives)).join("");
}

test("frame-2, frame-4: the turn's start and its text stand in the log, and the result is that text", async () => {
  const request = firstTurn("Hello Ada, I love it! faults:tokens=30,delay=10ms");
  const result = await use.fixture.run(request).result;
  expect(result).toMatchObject({
    text: answerTo(request.inputs[0]?.text ?? "", "tokens=30"),
    finish: "stop",
    model: "scripted",
  });
  expect(result.usage).toEqual({ inputTokens: 1, outputTokens: 30 });
  expect(result.spentMs).toBeGreaterThan(0);
  const frames = await use.fixture.frames(request.key);
  expect(frames[0]).toMatchObject({
    type: "turn.started",
    version: 1,
    turn: 1,
    inputs: request.inputs,
    applied: { "ann/p": 1 },
  });
  expect((await use.fixture.partialTexts(request.key)).at(-1)).toBe(result.text);
});

test("the first text goes out at once and alone, what follows in batches", async () => {
  const request = firstTurn("faults:tokens=40,delay=5ms");
  await use.fixture.run(request).result;
  const deltas = await use.fixture.framesOf(request.key, "delta");
  expect(deltas[0]?.text.trim().split(" ")).toHaveLength(1);
  expect(deltas.length).toBeLessThan(40);
  expect(deltas.map(({ index }) => index)).toEqual(deltas.map((_, position) => position + 1));
});

test("one round trip to Redis before the first text", async () => {
  const request = firstTurn("faults:first=150ms,tokens=1");
  const before = await use.fixture.redis.info("commandstats");
  const running = use.fixture.run(request);
  await until(() => use.fixture.model.calls.some((call) => call.messages[0]?.content === request.inputs[0]?.text));
  const after = await use.fixture.redis.info("commandstats");
  expect(scriptCalls(after) - scriptCalls(before)).toBe(1);
  await running.result;
});

function scriptCalls(commandstats: string): number {
  const calls = commandstats.matchAll(
    /^cmdstat_(?:evalsha|eval|fcall):calls=(?<calls>\d+),.*?failed_calls=(?<failed>\d+)/gm,
  );
  return [...calls].reduce((sum, { groups }) => sum + Number(groups?.["calls"]) - Number(groups?.["failed"]), 0);
}

test("context: committed turns come from the log's cache", async () => {
  const request = firstTurn("first");
  const result = await use.fixture.run(request).result;
  await use.fixture.endTurn(request, result);
  const second = {
    ...request,
    turn: 2,
    startedVersion: 3,
    inputs: [inputOf("second", 2)],
    applied: { "ann/p": 2 },
  };
  await use.fixture.run(second).result;
  const contents = use.fixture.model.calls.at(-1)?.messages.map(({ content }) => content);
  expect(contents).toEqual(["first", result.text, "second"]);
});

test("context: a cold cache is asked for at the workflow, and is warm afterwards", async () => {
  const request = { ...firstTurn("now"), turn: 2, startedVersion: 3, request: { instructions: "Be brief." } };
  const earlier = turnOf(1, "before", "answer");
  await use.fixture.run(request, { queryState: async () => stateOf(request, [earlier]) }).result;
  const contents = use.fixture.model.calls.at(-1)?.messages.map(({ content }) => content);
  expect(contents).toEqual(["Be brief.", "before", "answer", "now"]);
  const cached = await use.fixture.sessionLog.snapshot(request.key);
  expect(cached).toMatchObject({ outcome: "snapshot", snapshot: { turns: [earlier], version: 3 } });
});

test("context: without the conversation so far there is no answer, but a retry", async () => {
  const request = { ...firstTurn("now"), turn: 2, startedVersion: 3 };
  await expect(use.fixture.run(request).result).rejects.toMatchObject({
    type: "model_unavailable",
    nonRetryable: false,
  });
});

test("the embedded model answers and streams", async () => {
  const request = firstTurn("Hello! My order 1234 is late.", { provider: "embedded" });
  const result = await use.fixture.run(request).result;
  expect(result).toMatchObject({ model: "wink-eng-lite", finish: "stop" });
  expect(result.text).toContain("embedded model");
  expect((await use.fixture.partialTexts(request.key)).at(-1)).toBe(result.text);
  expect((await use.fixture.framesOf(request.key, "delta")).length).toBeGreaterThan(3);
});

test("characters that arrive in pieces, by bytes or by halves, stand whole in the log", async () => {
  for (const directives of ["multibyte,split-bytes,tokens=20,delay=3ms", "split-pairs,tokens=20,delay=3ms"]) {
    const request = firstTurn(`faults:${directives}`);
    const { text } = await use.fixture.run(request, { config: { batchMs: 0 } }).result;
    expect(text).toBe(answerTo(request.inputs[0]?.text ?? "", directives));
    const deltas = await use.fixture.framesOf(request.key, "delta");
    expect(deltas.every((delta) => delta.text.isWellFormed())).toBe(true);
    expect(deltas.map((delta) => delta.text).join("")).toBe(text);
  }
});

test("half a character at the very end becomes a replacement character, in the log as in the result", async () => {
  const request = firstTurn("hello");
  const half = "ends in \ud83c";
  const models = {
    resolve: async () => ({
      provider: "test",
      name: "half",
      promptTokens: () => undefined,
      continuesFrom: () => false,
      stream: () => once(half),
    }),
  };
  const { text } = await use.fixture.run(request, { models }).result;
  expect(text).toBe("ends in \ufffd");
  expect(await use.fixture.partialText(request.key)).toBe(text);
});

async function* once(text: string): AsyncGenerator<Piece, Ended, void> {
  yield { kind: "text", text };
  return { finish: "stop", usage: {} };
}

test("a huge answer is cut at its limit and goes out in frames of bounded size", async () => {
  const request = firstTurn("faults:tokens=20,token-length=50000");
  const { text, finish } = await use.fixture.run(request, { config: { turnLength: 300_000 } }).result;
  expect([text.length, finish]).toEqual([300_000, "limit"]);
  const deltas = await use.fixture.framesOf(request.key, "delta");
  expect(Math.max(...deltas.map((delta) => delta.text.length))).toBeLessThanOrEqual(32 * 1024);
  expect(deltas.map((delta) => delta.text).join("")).toBe(text);
});
