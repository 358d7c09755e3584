import { LIMITS } from "@holdfast/contract/limits";
import type { Part } from "@holdfast/contract/parts";
import type { Turn } from "@holdfast/contract/turn";
import { expect, test } from "vitest";
import { inputOf, textPart } from "../../test/turn-fixture.ts";
import { encodedBytes } from "./agent-state.ts";
import { Transcript } from "./transcript.ts";

function turn(number: number, data = "", parts: Part[] = [textPart("hello")]): Turn {
  const inputs = [{ ...inputOf(number), data }];
  const steps = [{ step: 1, attempt: 1, parts }];
  return { turn: number, origin: "user", inputs, steps, outcome: "completed", finish: "stop" };
}

function transcriptOf(count: number, data = ""): Transcript {
  const transcript = new Transcript();
  for (let n = 1; n <= count; n++) transcript.add(turn(n, data));
  return transcript;
}

const numbers = (turns: readonly Turn[]): number[] => turns.map((kept) => kept.turn);
const upTo = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const bytesOf = (turns: readonly Turn[]): number => encodedBytes(JSON.stringify(turns));

test("snap-2: the newest turns are the snapshot's, and the number of the last one goes on", () => {
  const transcript = transcriptOf(LIMITS.snapshotTurns + 5);
  expect(numbers(transcript.turns)).toEqual(upTo(6, 205));
  expect(transcript.last).toBe(LIMITS.snapshotTurns + 5);
  expect(transcript.add(turn(206))).toEqual({ keepTurns: 200 });
});

test("snap-5: the turn that is among the newest no more is shrunk, and whoever keeps a copy is told of it", () => {
  const transcript = new Transcript();
  const thought: Part = { type: "reasoning", text: "hm" };
  for (let n = 1; n <= LIMITS.wholeTurns; n++) expect(transcript.add(turn(n, "", [thought])).shrunk).toBeUndefined();
  const { keepTurns, shrunk } = transcript.add(turn(21, "", [thought]));
  expect(keepTurns).toBe(21);
  expect(shrunk).toEqual(turn(1, "", [{ type: "reasoning", text: "" }]));
  expect(transcript.turns[0]).toBe(shrunk);
  expect(transcript.turns[1]).toEqual(turn(2, "", [thought]));
});

test("what a session keeps stays below Temporal's payload limit, however much text grows by being encoded", () => {
  const transcript = new Transcript();
  for (let n = 1; n <= 100; n++) transcript.add(turn(n, "", [textPart("\u0001".repeat(8_000))]));
  const { turns, olderTurns } = transcript;
  expect(bytesOf([...olderTurns, ...turns])).toBeLessThanOrEqual(1024 * 1024);
  expect(turns.length).toBeGreaterThan(10);
  expect(turns.at(-1)?.turn).toBe(100);
});

test("the newest turn stays however large it is", () => {
  const transcript = new Transcript({ turns: [turn(1)], olderTurns: [], lastTurn: 1 });
  transcript.add(turn(2, "x".repeat(1_200_000)));
  expect(numbers(transcript.turns)).toEqual([2]);
  expect(transcript.olderTurns).toEqual([]);
});

test("history-2: turns beyond those of the snapshot are kept, a mebibyte of all together, and the oldest go first", () => {
  const transcript = transcriptOf(400, "x".repeat(4_000));
  const { turns, olderTurns } = transcript;
  expect(numbers([...olderTurns, ...turns])).toEqual(upTo(400 - olderTurns.length - turns.length + 1, 400));
  expect(turns.length).toBeLessThan(100);
  expect(olderTurns.length).toBeGreaterThan(100);
  const size = bytesOf([...olderTurns, ...turns]);
  expect(size).toBeLessThanOrEqual(1024 * 1024);
  expect(size).toBeGreaterThan(1000 * 1024);
});

test("history-1: the newest turns before a turn are told, at most so many, oldest first", () => {
  const transcript = transcriptOf(210);
  expect(transcript.history({ before: 11, limit: 3 })).toEqual({ turns: [8, 9, 10].map((n) => turn(n)), more: true });
  expect(transcript.history({ before: 3, limit: 3 })).toMatchObject({ turns: [{ turn: 1 }, { turn: 2 }], more: false });
  expect(transcript.history({ before: 1, limit: 3 })).toEqual({ turns: [], more: false });
  expect(transcript.history({ before: 1_000, limit: 1_000 }).turns).toHaveLength(LIMITS.historyTurns);
  expect(new Transcript().history({ before: 5, limit: 5 })).toEqual({ turns: [], more: false });
});

test("history-1: an answer is bounded by its length, and has one turn at least", () => {
  const long = new Transcript();
  for (let n = 1; n <= 4; n++) long.add(turn(n, "", [textPart("x".repeat(150_000))]));
  expect(numbers(long.history({ before: 5, limit: 50 }).turns)).toEqual([3, 4]);
  const huge = new Transcript();
  for (let n = 1; n <= 2; n++) huge.add(turn(n, "", [textPart("x".repeat(500_000))]));
  expect(huge.history({ before: 3, limit: 50 })).toMatchObject({ turns: [{ turn: 2 }], more: true });
});

test("turn-2: another account of the newest turn takes its place", () => {
  const transcript = transcriptOf(3);
  transcript.replaceLast({ ...turn(3), outcome: "interrupted" });
  expect(transcript.turns.map(({ outcome }) => outcome)).toEqual(["completed", "completed", "interrupted"]);
  expect(transcript.last).toBe(3);
});

test("a run that continues takes the newest turns there is room for", () => {
  const transcript = new Transcript({ turns: [turn(3), turn(4)], olderTurns: [turn(1), turn(2)], lastTurn: 4 });
  const kept = (...from: number[]) => transcript.newestWithin(bytesOf(from.map((n) => turn(n))));
  expect(kept(2, 3, 4)).toEqual({ turns: [turn(3), turn(4)], olderTurns: [turn(2)] });
  expect(kept(4)).toEqual({ turns: [turn(4)], olderTurns: [] });
  expect(transcript.newestWithin(10)).toEqual({ turns: [], olderTurns: [] });
});
