import { emptySnapshot } from "@holdfast/contract";
import { type RespondRequest } from "@holdfast/internal";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { expect, test } from "vitest";
import { firstTurn, until, useRig } from "./rig.ts";

const use = useRig();
/** An answer that takes far longer than any of these tests. */
const LONG = "faults:tokens=5000,delay=10ms";
const answerTo = (request: RespondRequest): string =>
  answerTokens(request.inputs[0]?.text ?? "", parseScript("tokens=5000")).join("");
const someText = (request: RespondRequest) => until(() => use.rig.partialText(request.key));

test("command-2: the stop flag ends the attempt with the partial text", async () => {
  const request = firstTurn(LONG);
  const { result } = use.rig.run(request);
  const seen = await someText(request);
  await use.rig.sessionLog.requestStop(request.key, request);
  const { text, finish } = await result;
  expect(finish).toBe("interrupted");
  expect(text.startsWith(seen)).toBe(true);
  expect(answerTo(request).startsWith(text)).toBe(true);
  await until(() => use.rig.model.calls.at(-1)?.outcome === "aborted");
});

test("command-2: a stop requested between two attempts keeps what readers hold of the first", async () => {
  const request = firstTurn("faults:cut@10,tokens=20");
  await expect(use.rig.run(request).result).rejects.toThrow("broke off");
  const held = await use.rig.partialText(request.key);
  await use.rig.sessionLog.requestStop(request.key, request);
  const calls = use.rig.model.calls.length;
  expect(await use.rig.run(request, { attempt: 2 }).result).toMatchObject({ text: held, finish: "interrupted" });
  expect(use.rig.model.calls).toHaveLength(calls);
});

test("command-2: cancellation by heartbeat is the fallback for a stop flag that got lost", async () => {
  const request = firstTurn(LONG);
  const running = use.rig.run(request);
  const seen = await someText(request);
  running.cancel("CANCELLED");
  const { text, finish } = await running.result;
  expect([finish, text.startsWith(seen)]).toEqual(["interrupted", true]);
});

test("a worker that shuts down fails the attempt, and another one goes on from there", async () => {
  const request = firstTurn("Hello, my order 1234 is late. Where is it?", { provider: "embedded" });
  const whole = await use.rig.run({ ...firstTurn(request.inputs[0]?.text ?? "", request.request) }).result;
  const first = use.rig.run(request);
  const seen = await someText(request);
  first.cancel("WORKER_SHUTDOWN");
  await expect(first.result).rejects.toMatchObject({ type: "worker_shutdown", nonRetryable: false });
  const { text } = await use.rig.run(request, { attempt: 2 }).result;
  expect(text.startsWith(seen)).toBe(true);
  expect(text).toBe(whole.text);
  expect(await use.rig.framesOf(request.key, "rewind")).toEqual([]);
  expect((await use.rig.partialTexts(request.key)).at(-1)).toBe(text);
});

test("an attempt Temporal has given up on ends as cancelled", async () => {
  const request = firstTurn(LONG);
  const running = use.rig.run(request);
  await someText(request);
  running.cancel("TIMED_OUT");
  await expect(running.result).rejects.toMatchObject({ name: "CancelledFailure" });
});

test("an attempt that a later one overtakes stops, for good, and writes nothing more", async () => {
  const request = firstTurn(LONG);
  const first = use.rig.run(request);
  await someText(request);
  const second = use.rig.run(request, { attempt: 2 });
  await expect(first.result).rejects.toMatchObject({ type: "superseded", nonRetryable: true });
  await until(async () => (await use.rig.framesOf(request.key, "rewind")).length > 0);
  await use.rig.sessionLog.requestStop(request.key, request);
  const { text } = await second.result;
  const answer = answerTo(request);
  const partial = await use.rig.partialTexts(request.key);
  expect(partial.filter((held) => !answer.startsWith(held))).toEqual([]);
  expect(text.startsWith(partial.at(-1) ?? "?")).toBe(true);
  await until(() => use.rig.model.calls.slice(-2).every(({ outcome }) => outcome === "aborted"));
});

test("an attempt that begins after the end of its turn stops at once", async () => {
  const request = firstTurn("faults:tokens=3");
  const { text } = await use.rig.run(request).result;
  const turn = { turn: 1, inputs: request.inputs, outcome: "completed" as const, finish: "stop" as const, text };
  const frame = { type: "turn.completed" as const, version: 2, turn: 1, text, finish: "stop" as const, patch: [] };
  await use.rig.sessionLog.commit(request.key, { run: "run-1", epoch: 1, frame, state: {}, turn, keepTurns: 1 });
  await expect(use.rig.run(request, { attempt: 2 }).result).rejects.toMatchObject({
    type: "superseded",
    nonRetryable: true,
  });
});

test("frame-5: a second step adds to the first one's text; when it starts over, the first one's stays", async () => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.rig.run(request).result;
  const inputs = [{ by: "ann", producer: "p", seq: 1, text: "faults:cut@5,tokens=10,delay=3ms" }];
  const second = { ...request, step: 2, textBefore: first.text.length, inputs };
  await expect(use.rig.run(second).result).rejects.toThrow("broke off");
  const { text } = await use.rig.run(second, { attempt: 2 }).result;
  expect(await use.rig.partialText(request.key)).toBe(first.text + text);
  const rewinds = await use.rig.framesOf(request.key, "rewind");
  expect(rewinds.map((frame) => frame.text.startsWith(first.text))).toEqual([true]);
});

test("limit-1: a turn's text is bounded over its steps, so that a snapshot with it fits a Temporal payload", async () => {
  const request = firstTurn("faults:tokens=3");
  const first = await use.rig.run(request).result;
  const inputs = [{ by: "ann", producer: "p", seq: 1, text: "faults:tokens=60" }];
  const second = { ...request, step: 2, textBefore: first.text.length, inputs };
  const config = { maxTextLength: first.text.length + 10 };
  const { text, finish } = await use.rig.run(second, { config }).result;
  expect({ length: text.length, finish }).toEqual({ length: 10, finish: "limit" });
  const full = { ...second, step: 3, textBefore: first.text.length + 10 };
  expect(await use.rig.run(full, { config }).result).toMatchObject({ text: "", finish: "limit" });
});

test.each([
  ["all of it", 0],
  ["its end", 1],
])(
  "turn-4: a log that lost %s of the first step's text gets it back from the workflow before the second adds to it",
  async (_what, kept) => {
    const request = firstTurn("faults:tokens=3");
    const first = await use.rig.run(request).result;
    await use.rig.redis.flushall();
    const fence = { epoch: 1, turn: 1, step: 1, attempt: 1 };
    if (kept > 0) await use.rig.sessionLog.rewind(request.key, fence, 1, first.text.slice(0, kept));
    const running = { turn: 1, inputs: request.inputs, step: 2, attempt: 1, index: 0, text: first.text };
    const snapshot = { ...emptySnapshot("concierge"), version: 1, running };
    const queryState = async () => ({ epoch: 1, snapshot });
    const second = { ...request, step: 2, textBefore: first.text.length };
    const { text } = await use.rig.run(second, { queryState }).result;
    await until(async () => (await use.rig.partialText(request.key)) === first.text + text);
  },
);

test("an answer that was whole before Temporal heard of it is not asked for again", async () => {
  const request = firstTurn("faults:tokens=10,delay=2ms");
  const first = await use.rig.run(request).result;
  const calls = use.rig.model.calls.length;
  const again = await use.rig.run(request, { attempt: 2 }).result;
  expect(again).toEqual({ ...first, spentMs: again.spentMs });
  expect(use.rig.model.calls).toHaveLength(calls);
  expect(await use.rig.framesOf(request.key, "rewind")).toEqual([]);
});

test("turn-4: half an answer, another step, or a text that was begun anew is not taken for a whole answer", async () => {
  const request = firstTurn("faults:tokens=10,cut@5x2");
  await expect(use.rig.run(request).result).rejects.toThrow("broke off");
  await expect(use.rig.run(request, { attempt: 2 }).result).rejects.toThrow("broke off");
  const whole = await use.rig.run(request, { attempt: 3 }).result;
  const fence = { epoch: 1, turn: 1, step: 1, attempt: 4 };
  await use.rig.sessionLog.begin(request.key, fence, startOf(request), 0);
  await use.rig.sessionLog.rewind(request.key, fence, 1_000, whole.text.slice(0, 5));
  const calls = use.rig.model.calls.length;
  expect((await use.rig.run(request, { attempt: 5 }).result).text).toBe(whole.text);
  expect(use.rig.model.calls).toHaveLength(calls + 1);
  const second = { ...request, step: 2, textBefore: whole.text.length };
  await use.rig.run(second, { attempt: 2 }).result;
  expect(use.rig.model.calls).toHaveLength(calls + 2);
});

function startOf({ version, turn, agent, inputs, applied }: RespondRequest) {
  return { type: "turn.started" as const, version, turn, agent, inputs, applied };
}
