import type { Part, Step, Turn } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";
import { expect, test } from "vitest";
import { estimateTokens, messagesOf, sizeOf } from "./context.ts";

const input = (text: string) => ({ by: "ann", producer: "p", seq: 1, origin: "user" as const, at: 1, text });
const step = (...parts: Part[]): Step => ({ step: 1, attempt: 1, parts });
const turn = (number: number, said: string, text: string): Turn => ({
  turn: number,
  origin: "user",
  inputs: [input(said)],
  steps: [step({ type: "text", text })],
  outcome: "completed",
  finish: "stop",
});
const request: StepRequest = {
  key: { tenant: "t", owner: "o", name: "s" },
  epoch: 1,
  agent: "concierge",
  turn: 3,
  step: 1,
  startedVersion: 5,
  origin: "user",
  inputs: [input("now")],
  applied: {},
  lengthBefore: 0,
  budgetMs: 120_000,
  request: {},
};

test("the newest turns before this one, then its input, in order", () => {
  const turns = [turn(1, "one", "first"), turn(2, "two", "second"), turn(3, "now", "a turn must not see itself")];
  expect(messagesOf(request, { turns, steps: [] }, 1)).toEqual([
    { role: "user", content: "two" },
    { role: "assistant", content: "second" },
    { role: "user", content: "now" },
  ]);
  expect(messagesOf(request, { turns, steps: [] }, 0)).toEqual([{ role: "user", content: "now" }]);
});

test("roles alternate: a turn that failed without text leaves no gap", () => {
  const turns = [turn(1, "one", ""), turn(2, "two", "second")];
  const messages = messagesOf(request, { turns, steps: [step({ type: "text", text: "said in step 1" })] }, 20);
  expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
  expect(messages[0]?.content).toBe("one\n\ntwo");
  expect(messages.at(-1)?.content).toBe("said in step 1");
});

test("of what was made only the text of answers is given back, over all steps: no reasoning, no data", () => {
  const steps = [
    step({ type: "reasoning", text: "secret" }, { type: "text", text: "It is " }),
    step({ type: "data", name: "reading", value: "secret" }, { type: "text", text: "late." }),
  ];
  const turns = [{ ...turn(1, "one", ""), steps }, turn(2, "two", "")];
  const contents = messagesOf(request, { turns, steps }, 20).map(({ content }) => content);
  expect(contents).toEqual(["one", "It is late.", "two\n\nnow", "It is late."]);
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
  const contents = messagesOf({ ...request, turn: 7 }, { turns, steps: [] }, 20).map(({ content }) => content);
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
  const steps = [step({ type: "text", text: "so far" })];
  const within = (tokens: number) => messagesOf({ ...request, turn: 4 }, { turns, steps }, 20, tokens);
  expect(within(2_000).map(({ content }) => content)).toHaveLength(8);
  expect(within(200).map(({ content }) => content)).toEqual(["three", "third", "now", "so far"]);
  expect(within(0).map(({ content }) => content)).toEqual(["now", "so far"]);
  expect(sizeOf(within(200))).toBeLessThanOrEqual(200);
  const told = { ...request, turn: 4, request: { instructions: long } };
  expect(messagesOf(told, { turns, steps: [] }, 20, 200).map(({ content }) => content)).toEqual(["now"]);
});

test("tokens are rather counted too high than too low, and other scripts higher than Latin", () => {
  expect(estimateTokens("The quick brown fox jumps over the lazy dog.")).toBeGreaterThanOrEqual(10);
  expect(estimateTokens("敏捷的棕色狐狸")).toBe(7);
  expect(estimateTokens("Съешь ещё")).toBeGreaterThanOrEqual(6);
  expect(estimateTokens("🦊")).toBe(2);
});
