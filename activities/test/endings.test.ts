import { type StepRequest } from "@holdfast/internal";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { expect, test } from "vitest";
import { firstTurn, inputOf } from "./first-turn.ts";
import { startOf, stateOf, until, useFixture } from "./fixture.ts";

const use = useFixture();
/** An answer that takes far longer than any of these tests. */
const LONG = "faults:tokens=5000,delay=10ms";
const answerTo = (request: StepRequest): string =>
  answerTokens(request.inputs[0]?.text ?? "", parseScript("tokens=5000")).join("");
const someText = (request: StepRequest) => until(() => use.fixture.partialText(request.key));

test("command-2: the stop flag ends the attempt with the partial text", async () => {
  const request = firstTurn(LONG);
  const { result } = use.fixture.run(request);
  const seen = await someText(request);
  await use.fixture.sessionLog.requestStop(request.key, request);
  const { text, finish } = await result;
  expect(finish).toBe("interrupted");
  expect(text.startsWith(seen)).toBe(true);
  expect(answerTo(request).startsWith(text)).toBe(true);
  await until(() => use.fixture.model.calls.at(-1)?.outcome === "aborted");
});

test("command-2: a stop requested between two attempts keeps what readers hold of the first", async () => {
  const request = firstTurn("faults:cut@10,tokens=20");
  await expect(use.fixture.run(request).result).rejects.toThrow("broke off");
  const held = await use.fixture.partialText(request.key);
  await use.fixture.sessionLog.requestStop(request.key, request);
  const calls = use.fixture.model.calls.length;
  expect(await use.fixture.run(request, { attempt: 2 }).result).toMatchObject({ text: held, finish: "interrupted" });
  expect(use.fixture.model.calls).toHaveLength(calls);
});

test("command-2: cancellation by heartbeat is the fallback for a stop flag that got lost", async () => {
  const request = firstTurn(LONG);
  const running = use.fixture.run(request);
  const seen = await someText(request);
  running.cancel("CANCELLED");
  const { text, finish } = await running.result;
  expect([finish, text.startsWith(seen)]).toEqual(["interrupted", true]);
});

test("a worker that shuts down fails the attempt, and another one goes on from there", async () => {
  const request = firstTurn("Hello, my order 1234 is late. Where is it?", { provider: "embedded" });
  const whole = await use.fixture.run({ ...firstTurn(request.inputs[0]?.text ?? "", request.request) }).result;
  const first = use.fixture.run(request);
  const seen = await someText(request);
  first.cancel("WORKER_SHUTDOWN");
  await expect(first.result).rejects.toMatchObject({ type: "worker_shutdown", nonRetryable: false });
  const { text } = await use.fixture.run(request, { attempt: 2 }).result;
  expect(text.startsWith(seen)).toBe(true);
  expect(text).toBe(whole.text);
  expect(await use.fixture.framesOf(request.key, "rewind")).toEqual([]);
  expect((await use.fixture.partialTexts(request.key)).at(-1)).toBe(text);
});

test("an attempt Temporal has given up on ends as cancelled", async () => {
  const request = firstTurn(LONG);
  const running = use.fixture.run(request);
  await someText(request);
  running.cancel("TIMED_OUT");
  await expect(running.result).rejects.toMatchObject({ name: "CancelledFailure" });
});

test("an attempt that a later one overtakes stops, for good, and writes nothing more", async () => {
  const request = firstTurn(LONG);
  const first = use.fixture.run(request);
  await someText(request);
  const second = use.fixture.run(request, { attempt: 2 });
  await expect(first.result).rejects.toMatchObject({ type: "superseded", nonRetryable: true });
  await until(async () => (await use.fixture.running(request.key))?.attempt === 2);
  await use.fixture.sessionLog.requestStop(request.key, request);
  const { text } = await second.result;
  const answer = answerTo(request);
  const partial = await use.fixture.partialTexts(request.key);
  expect(partial.filter((held) => !answer.startsWith(held))).toEqual([]);
  expect(text.startsWith(partial.at(-1) ?? "?")).toBe(true);
  await until(() => use.fixture.model.calls.slice(-2).every(({ outcome }) => outcome === "aborted"));
});

test("an attempt that begins after the end of its turn stops at once", async () => {
  const request = firstTurn("faults:tokens=3");
  await use.fixture.endTurn(request, await use.fixture.run(request).result);
  await expect(use.fixture.run(request, { attempt: 2 }).result).rejects.toMatchObject({
    type: "superseded",
    nonRetryable: true,
  });
});

test("frame-5: a second step's parts are its own; when it starts over, the first one's stay", async () => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.fixture.run(request).result;
  await use.fixture.endStep(request, first, 2);
  const second = { ...request, step: 2, lengthBefore: first.text.length, inputs: [inputOf(FAULTY)] };
  await expect(use.fixture.run(second).result).rejects.toThrow("broke off");
  const { text, parts, index } = await use.fixture.run(second, { attempt: 2 }).result;
  const running = await use.fixture.running(request.key);
  expect(running).toMatchObject({ steps: [{ step: 1, parts: first.parts }], step: 2, attempt: 2, index, parts });
  expect((await use.fixture.partialTexts(request.key)).at(-1)).toBe(first.text + text);
  const rewinds = await use.fixture.framesOf(request.key, "rewind");
  expect(rewinds.map(({ step, attempt }) => [step, attempt])).toEqual([[2, 2]]);
});

const FAULTY = "faults:cut@5,tokens=10,delay=3ms";

test("what the turn's earlier steps said is given to the model, from the log or, where that lost it, from the workflow", async () => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.fixture.run(request).result;
  await use.fixture.endStep(request, first, 2);
  const second = { ...request, step: 2, lengthBefore: first.text.length };
  await use.fixture.run(second).result;
  const said = () => use.fixture.model.calls.at(-1)?.messages.at(-1);
  expect(said()).toEqual({ role: "assistant", content: first.text });
  await use.fixture.redis.flushall();
  const queryState = async () => stateOf(second, [], [{ step: 1, attempt: 1, parts: first.parts }]);
  await use.fixture.run(second, { attempt: 2, queryState }).result;
  expect(said()).toEqual({ role: "assistant", content: first.text });
});

test("limit-1, part-5: what a turn makes is bounded over its steps, so that a snapshot with it fits a Temporal payload", async () => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.fixture.run(request).result;
  await use.fixture.endStep(request, first, 2);
  const second = { ...request, step: 2, lengthBefore: first.text.length, inputs: [inputOf("faults:tokens=60")] };
  const config = { turnLength: first.text.length + 10 };
  const result = await use.fixture.run(second, { config }).result;
  expect({ length: result.text.length, finish: result.finish }).toEqual({ length: 10, finish: "limit" });
  await use.fixture.endStep(second, result, 3);
  const full = { ...second, step: 3, lengthBefore: first.text.length + 10 };
  expect(await use.fixture.run(full, { config }).result).toMatchObject({ parts: [], finish: "limit" });
});

test.each([
  ["all of it", 0],
  ["its end", 1],
])("turn-4: a log that lost %s of the first step gets it back from the workflow in the second", async (_what, kept) => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.fixture.run(request).result;
  await use.fixture.redis.flushall();
  if (kept > 0) {
    const fence = { epoch: 1, turn: 1, step: 1, attempt: 1 };
    const parts = [{ type: "text" as const, text: first.text.slice(0, kept) }];
    await use.fixture.sessionLog.write(request.key, fence, 1, { type: "rewind", parts });
  }
  const second = { ...request, step: 2, lengthBefore: first.text.length };
  const queryState = async () => stateOf(second, [], [{ step: 1, attempt: 1, parts: first.parts }]);
  const { text } = await use.fixture.run(second, { queryState }).result;
  await until(async () => (await use.fixture.partialText(request.key)) === first.text + text);
});

test("an attempt of a step that the workflow is past stops at once", async () => {
  const request = { ...firstTurn("hello"), step: 2, lengthBefore: 3 };
  const steps = [1, 2].map((step) => ({ step, attempt: 1, parts: [] }));
  for (const state of [stateOf(request, [], steps), stateOf({ ...request, turn: 2 }, []), stateOf(request, [])]) {
    const running = use.fixture.run(request, { queryState: async () => state });
    await expect(running.result).rejects.toMatchObject({ type: "superseded", nonRetryable: true });
  }
});

test("an answer that was whole before Temporal heard of it is not asked for again", async () => {
  const request = firstTurn("faults:tokens=10,delay=2ms");
  const first = await use.fixture.run(request).result;
  const calls = use.fixture.model.calls.length;
  const again = await use.fixture.run(request, { attempt: 2 }).result;
  expect(again).toEqual({ ...first, attempt: 2, spentMs: again.spentMs });
  expect(use.fixture.model.calls).toHaveLength(calls);
  expect(await use.fixture.framesOf(request.key, "rewind")).toEqual([]);
});

test("turn-4: half an answer, another step, or a text that was begun anew is not taken for a whole answer", async () => {
  const request = firstTurn("faults:tokens=10,cut@5x2");
  await expect(use.fixture.run(request).result).rejects.toThrow("broke off");
  await expect(use.fixture.run(request, { attempt: 2 }).result).rejects.toThrow("broke off");
  const whole = await use.fixture.run(request, { attempt: 3 }).result;
  const fence = { epoch: 1, turn: 1, step: 1, attempt: 4 };
  await use.fixture.sessionLog.begin(request.key, fence, startOf(request));
  const parts = [{ type: "text" as const, text: whole.text.slice(0, 5) }];
  await use.fixture.sessionLog.write(request.key, fence, 1, { type: "rewind", parts });
  const calls = use.fixture.model.calls.length;
  expect((await use.fixture.run(request, { attempt: 5 }).result).text).toBe(whole.text);
  expect(use.fixture.model.calls).toHaveLength(calls + 1);
  await use.fixture.endStep(request, whole, 2);
  const second = { ...request, step: 2, lengthBefore: whole.text.length };
  await use.fixture.run(second, { attempt: 2 }).result;
  expect(use.fixture.model.calls).toHaveLength(calls + 2);
});
