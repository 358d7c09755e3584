import { LIMITS } from "@holdfast/contract/limits";
import type { Turn } from "@holdfast/contract/snapshot";
import { expect, test } from "vitest";
import { encodedBytes } from "./encoded-bytes.ts";
import { Transcript } from "./transcript.ts";

function turn(number: number, data = ""): Turn {
  const input = { by: "ann", producer: "p", seq: number, text: "hi", data };
  return { turn: number, inputs: [input], outcome: "completed", finish: "stop", text: "hello" };
}

test("snap-2: the newest turns are kept, and the number of the last one goes on", () => {
  const transcript = new Transcript();
  for (let n = 1; n <= LIMITS.snapshotTurns + 5; n++) transcript.add(turn(n));
  expect(transcript.turns).toHaveLength(LIMITS.snapshotTurns);
  expect(transcript.turns[0]?.turn).toBe(6);
  expect(transcript.last).toBe(LIMITS.snapshotTurns + 5);
});

test("what a snapshot holds stays below Temporal's payload limit, whatever the inputs' data", () => {
  const transcript = new Transcript();
  for (let n = 1; n <= 100; n++) transcript.add(turn(n, "\u0001".repeat(8_000)));
  expect(encodedBytes(JSON.stringify(transcript.turns))).toBeLessThanOrEqual(1024 * 1024);
  expect(transcript.turns.length).toBeGreaterThan(10);
  expect(transcript.turns.at(-1)?.turn).toBe(100);
});

test("the newest turn stays however large it is", () => {
  const transcript = new Transcript([turn(1)], 1);
  transcript.add(turn(2, "x".repeat(1_200_000)));
  expect(transcript.turns.map((kept) => kept.turn)).toEqual([2]);
});

test("a carry takes the newest turns there is room for", () => {
  const transcript = new Transcript([turn(1), turn(2), turn(3)], 3);
  const two = encodedBytes(JSON.stringify([turn(2), turn(3)]));
  expect(transcript.newestWithin(two).map((kept) => kept.turn)).toEqual([2, 3]);
  expect(transcript.newestWithin(10)).toEqual([]);
});
