import type { Input, RunningTurn, Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { inputOf, runningOf, turnOf } from "../../test/turns.ts";
import { BegunAgain } from "./begun-again.ts";

const turn = (number: number, seq = number): Turn => turnOf([], { turn: number, inputs: [inputOf(seq)] });
const running = (number: number, inputs: Input[]): RunningTurn =>
  runningOf([{ type: "text", text: "It beg" }], { turn: number, inputs });
const view = (turns: Turn[], under: RunningTurn | null = null) => ({ agent: "echo", turns, running: under });

test("snap-4: what was seen of a session that begins again is kept, with what was half said", () => {
  const seen = new BegunAgain();
  seen.see(view([turn(1)], running(2, [inputOf(2)])));
  const past = seen.see(view([turn(1, 9)]));
  expect(past.map(({ turn: number }) => number)).toEqual([1, 2]);
  expect(past[1]?.steps).toEqual([{ step: 1, attempt: 1, parts: [{ type: "text", text: "It beg" }] }]);
});

test("history-1: turns from before those that were shown are no new beginning", () => {
  const seen = new BegunAgain();
  seen.see(view([turn(8), turn(9)]));
  expect(seen.see(view([turn(5), turn(6), turn(7), turn(8), turn(9)]))).toEqual([]);
  expect(seen.see(view([turn(9), turn(10)]))).toEqual([]);
});

test("turn-8: an input that joins the first turn is no new beginning", () => {
  const seen = new BegunAgain();
  seen.see(view([], running(1, [inputOf(1)])));
  expect(seen.see(view([], running(1, [inputOf(1), inputOf(2)])))).toEqual([]);
  expect(seen.see(view([{ ...turn(1), inputs: [inputOf(1), inputOf(2)] }]))).toEqual([]);
});

test("turns of a long absence are no new beginning", () => {
  const seen = new BegunAgain();
  seen.see(view([turn(1), turn(2)]));
  expect(seen.see(view([turn(300), turn(301)]))).toEqual([]);
});
