import type { Input, Part, RunningTurn, Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { exchangesOf, textOfExchange } from "./exchanges.ts";

const input = (seq: number, step?: number): Input => ({
  by: "ann",
  producer: "tab",
  seq,
  origin: "user",
  at: 0,
  text: `input ${seq}`,
  ...(step !== undefined && { step }),
});
const text = (words: string): Part => ({ type: "text", text: words });
const RUNNING: RunningTurn = {
  turn: 1,
  origin: "user",
  inputs: [input(1), input(2, 2)],
  steps: [{ step: 1, attempt: 1, parts: [text("first"), { type: "reasoning", text: "well" }] }],
  step: 2,
  attempt: 1,
  index: 3,
  parts: [text("second")],
  questions: [],
};

const said = (turn: Turn | RunningTurn): unknown[] =>
  exchangesOf(turn).map((exchange) => [exchange.inputs.map(({ seq }) => seq), textOfExchange(exchange)]);

test("turn-8: an input that joined a turn stands before the first step that knew it", () => {
  expect(said(RUNNING)).toEqual([
    [[1], "first"],
    [[2], "second"],
  ]);
});

test("turn-8: one that no step knows yet stands at the end, while the answer before it still grows", () => {
  const turn = { ...RUNNING, inputs: [input(1), input(2, 3)] };
  expect(said(turn)).toEqual([
    [[1], "firstsecond"],
    [[2], ""],
  ]);
  expect(exchangesOf(turn).map(({ isRunning }) => isRunning)).toEqual([true, false]);
});

test("inputs of which nobody tells when they joined stand at the beginning", () => {
  expect(said({ ...RUNNING, inputs: [input(1), input(2)] })).toEqual([[[1, 2], "firstsecond"]]);
});

test("a part is named alike while its step runs and when it has ended; only the last one grows", () => {
  const running = exchangesOf(RUNNING).flatMap(({ parts }) => parts);
  expect(running.map(({ key, isGrowing }) => [key, isGrowing])).toEqual([
    ["1.0", false],
    ["1.1", false],
    ["2.0", true],
  ]);
  const { turn, origin, inputs, steps, parts } = RUNNING;
  const all = [...steps, { step: 2, attempt: 1, parts }];
  const ended = exchangesOf({ turn, origin, inputs, steps: all, outcome: "completed", finish: "stop" });
  expect(ended.flatMap((exchange) => exchange.parts).map(({ key, isGrowing }) => [key, isGrowing])).toEqual([
    ["1.0", false],
    ["1.1", false],
    ["2.0", false],
  ]);
});
