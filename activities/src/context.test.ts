import { emptySnapshot, type RespondRequest, type SessionTruth, type Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { messagesOf, readTurns } from "./context.ts";

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
  incarnation: 1,
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
  const put: SessionTruth[] = [];
  const snapshot = { ...emptySnapshot("concierge"), version: 5, turns: [turn(1, "one", "first")] };
  const asked: SessionTruth = { incarnation: 1, snapshot };
  const source = {
    log: { putSnapshot: async (_key: unknown, truth: SessionTruth) => (put.push(truth), "stored" as const) },
    queryState: async () => asked,
  };
  expect(await readTurns(source, key, [])).toEqual([]);
  expect(put).toEqual([]);
  expect(await readTurns(source, key, undefined)).toBe(snapshot.turns);
  expect(put).toEqual([asked]);
});
