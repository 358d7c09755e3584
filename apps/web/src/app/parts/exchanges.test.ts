import type { Part, RunningTurn, Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { inputOf, runningOf, turnOf } from "../../../test/turns.ts";
import { exchangesOf, textOfExchange } from "./exchanges.ts";

const text = (words: string): Part => ({ type: "text", text: words });
const FIRST = { step: 1, attempt: 1, parts: [text("first"), { type: "reasoning", text: "well" } as const] };
const RUNNING = runningOf([text("second")], { inputs: [inputOf(1), inputOf(2, { step: 2 })], steps: [FIRST], step: 2 });

const said = (turn: Turn | RunningTurn): unknown[] =>
  exchangesOf(turn).map((exchange) => [exchange.inputs.map(({ seq }) => seq), textOfExchange(exchange)]);

test("turn-8: an input that joined a turn stands before the first step that knew it", () => {
  expect(said(RUNNING)).toEqual([
    [[1], "first"],
    [[2], "second"],
  ]);
});

test("turn-8: one that no step knows yet stands at the end, while the answer before it still grows", () => {
  const turn = { ...RUNNING, inputs: [inputOf(1), inputOf(2, { step: 3 })] };
  expect(said(turn)).toEqual([
    [[1], "firstsecond"],
    [[2], ""],
  ]);
  expect(exchangesOf(turn).map(({ isRunning }) => isRunning)).toEqual([true, false]);
});

test("inputs of which nobody tells when they joined stand at the beginning", () => {
  expect(said({ ...RUNNING, inputs: [inputOf(1), inputOf(2)] })).toEqual([[[1, 2], "firstsecond"]]);
});

test("a part is named alike while its step runs and when it has ended; only the last one grows", () => {
  const running = exchangesOf(RUNNING).flatMap(({ parts }) => parts);
  expect(running.map(({ key, isGrowing }) => [key, isGrowing])).toEqual([
    ["1.0", false],
    ["1.1", false],
    ["2.0", true],
  ]);
  const ended = exchangesOf(turnOf([], { steps: [FIRST, { step: 2, attempt: 1, parts: RUNNING.parts }] }));
  expect(ended.flatMap((exchange) => exchange.parts).map(({ key, isGrowing }) => [key, isGrowing])).toEqual([
    ["1.0", false],
    ["1.1", false],
    ["2.0", false],
  ]);
});
