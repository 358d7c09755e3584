import { emptySnapshot, type Turn } from "@holdfast/contract";
import { type RespondRequest, type SessionState } from "@holdfast/internal";
import { expect, test } from "vitest";
import { estimateTokens, messagesOf, readTurns, sizeOf } from "./context.ts";

const key = { tenant: "t", owner: "o", name: "s" };
const input = (text: string) => ({ by: "ann", producer: "p", seq: 1, text });
const turn = (number: number, said: string, text: string): Turn => ({
  turn: number,
  inputs: [input(said)],
  outcome: "completed",
  finish: "stop",
  text,
});
const request: RespondRequest = {
  key,
  epoch: 1,
  agent: "concierge",
  turn: 3,
  step: 1,
  version: 5,
  inputs: [input("now")],
  applied: {},
  textBefore: 0,
  budgetMs: 120_000,
  request: {},
};

test("the newest turns before this one, then its input, in order", () => {
  const turns = [turn(1, "one", "first"), turn(2, "two", "second"), turn(3, "now", "a turn must not see itself")];
  expect(messagesOf(request, turns, 1, "")).toEqual([
    { role: "user", content: "two" },
    { role: "assistant", content: "second" },
    { role: "user", content: "now" },
  ]);
  expect(messagesOf(request, turns, 0, "")).toEqual([{ role: "user", content: "now" }]);
});

test("roles alternate: a turn that failed without text leaves no gap", () => {
  const messages = messagesOf(request, [turn(1, "one", ""), turn(2, "two", "second")], 20, "said in step 1");
  expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
  expect(messages[0]?.content).toBe("one\n\ntwo");
  expect(messages.at(-1)?.content).toBe("said in step 1");
});

test("a warm cache is not second-guessed; a cold one is asked for at the workflow and warmed", async () => {
  const put: SessionState[] = [];
  const snapshot = { ...emptySnapshot("concierge"), version: 5, turns: [turn(1, "one", "first")] };
  const asked: SessionState = { epoch: 1, snapshot };
  const source = {
    log: { putSnapshot: async (_key: unknown, truth: SessionState) => (put.push(truth), "stored" as const) },
    queryState: async () => asked,
  };
  expect(await readTurns(source, key, [])).toEqual([]);
  expect(put).toEqual([]);
  expect(await readTurns(source, key, undefined)).toBe(snapshot.turns);
  expect(put).toEqual([asked]);
});

test("what the model was refused or could not take is left out; what broke off or was stopped stays, marked", () => {
  const failed = (number: number, code: string, text: string): Turn => ({
    ...turn(number, `said ${number}`, text),
    outcome: "failed",
    error: { code, message: "…" },
  });
  const turns = [
    failed(1, "content_refused", "half of it"),
    failed(2, "context_too_long", ""),
    failed(3, "model_unavailable", "Half of"),
    { ...turn(4, "said 4", "Until here"), outcome: "interrupted" as const },
    { ...turn(5, "said 5", "Cut"), finish: "length" as const },
    { ...turn(6, "said 6", "Whole"), finish: "stop" as const },
  ];
  const contents = messagesOf({ ...request, turn: 7 }, turns, 20, "").map(({ content }) => content);
  expect(contents).toEqual([
    "said 3",
    expect.stringMatching(/^Half of\n\n\[.*broke off.*\]$/),
    "said 4",
    expect.stringMatching(/^Until here\n\n\[.*stopped.*\]$/),
    "said 5",
    expect.stringMatching(/^Cut\n\n\[.*length.*\]$/),
    "said 6",
    "Whole",
    "now",
  ]);
});

test("the newest turns that fit are kept, without a gap, and always the turn's own input and text", () => {
  const long = "word ".repeat(300);
  const turns = [turn(1, "one", "first"), turn(2, long, long), turn(3, "three", "third")];
  const within = (tokens: number) => messagesOf({ ...request, turn: 4 }, turns, 20, "so far", tokens);
  expect(within(2_000).map(({ content }) => content)).toHaveLength(8);
  expect(within(200).map(({ content }) => content)).toEqual(["three", "third", "now", "so far"]);
  expect(within(0).map(({ content }) => content)).toEqual(["now", "so far"]);
  expect(sizeOf(within(200))).toBeLessThanOrEqual(200);
  const told = { ...request, turn: 4, request: { instructions: long } };
  expect(messagesOf(told, turns, 20, "", 200).map(({ content }) => content)).toEqual(["now"]);
});

test("tokens are rather counted too high than too low, and other scripts higher than Latin", () => {
  expect(estimateTokens("The quick brown fox jumps over the lazy dog.")).toBeGreaterThanOrEqual(10);
  expect(estimateTokens("敏捷的棕色狐狸")).toBe(7);
  expect(estimateTokens("Съешь ещё")).toBeGreaterThanOrEqual(6);
  expect(estimateTokens("🦊")).toBe(2);
});
