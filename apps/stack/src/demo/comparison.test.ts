import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { differences } from "./comparison.ts";

const expected = [
  { input: "one", answer: "first answer" },
  { input: "two", answer: "second answer" },
];

function turn(number: number, input: string, text: string): Turn {
  return {
    turn: number,
    origin: "user",
    inputs: [{ by: "ann", producer: "p", seq: number, origin: "user", at: 0, text: input }],
    steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text }] }],
    outcome: "completed",
    finish: "stop",
  };
}
const whole = [turn(1, "one", "first answer"), turn(2, "two", "second answer")];
const [first, second] = whole;
const found = (turns: readonly (Turn | undefined)[]): string[] => {
  const client = turns.filter((each) => each !== undefined);
  return differences({ expected, client, workflow: whole });
};

test("the same three times: nothing to tell", () => {
  expect(found(whole)).toEqual([]);
});

test("a lost turn is told", () => {
  expect(found([first]).join()).toMatch(/Lost: the client has no turn for “two”/);
});

test("a duplicated turn is told", () => {
  expect(found([first, second, turn(3, "two", "second answer")]).join()).toMatch(/Duplicated: the client has 2 turns/);
});

test("turns in the wrong order are told", () => {
  expect(found([turn(1, "two", "second answer"), turn(2, "one", "first answer")]).join()).toMatch(/Out of order/);
});

test("garbled text is told, with the place", () => {
  expect(found([first, turn(2, "two", "second second answer")]).join()).toMatch(/Garbled.*character 7/);
});

test("a turn that did not complete is told", () => {
  const interrupted: Turn = { ...turn(2, "two", "second answer"), outcome: "interrupted", finish: "interrupted" };
  expect(found([first, interrupted]).join()).toMatch(/is interrupted/);
});

test("both may be wrong alike: the model's text decides", () => {
  const same = [turn(1, "one", "first"), turn(2, "two", "second answer")];
  expect(differences({ expected, client: same, workflow: same })).toEqual([
    expect.stringMatching(/Garbled: the workflow's turn 1/),
    expect.stringMatching(/Garbled: the client's turn 1/),
  ]);
});
