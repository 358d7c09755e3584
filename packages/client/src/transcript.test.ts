import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { Transcript } from "./transcript.ts";

/** `life`: turns of one number differ between lives of a session, by who said what. */
function turnOf(turn: number, { life = "first", text = "" } = {}): Turn {
  return {
    turn,
    origin: "user",
    inputs: [{ by: "ann", producer: life, seq: turn, origin: "user", at: 1, text: `question ${turn}` }],
    steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text }] }],
    outcome: "completed",
    finish: "stop",
  };
}

const range = (from: number, to: number, options = {}): Turn[] =>
  Array.from({ length: to - from + 1 }, (_, i) => turnOf(from + i, options));
const numbers = (transcript: Transcript): number[] => transcript.turns.map(({ turn }) => turn);

/** One that holds turns `from` to `to` of the snapshot, and was given those before. */
function transcriptOf(from: number, to: number, older: Turn[], more = true, options = {}): Transcript {
  const transcript = new Transcript();
  const newest = range(from, to, options);
  transcript.follow(newest);
  if (newest[0] !== undefined) expect(transcript.prepend({ turns: older, more }, newest[0])).toBe("added");
  return transcript;
}

test("snap-2: without older turns these are the snapshot's, as the same array, and a turn that leaves it is gone", () => {
  const transcript = new Transcript();
  expect([transcript.turns, transcript.hasOlder]).toEqual([[], false]);
  const newest = range(1, 3);
  transcript.follow(newest);
  expect(transcript.turns).toBe(newest);
  expect(transcript.hasOlder).toBe(false);
  transcript.follow(newest.slice(1));
  expect(numbers(transcript)).toEqual([2, 3]);
  expect(transcript.hasOlder).toBe(true);
});

test("history-2: older turns stand before the snapshot's, until the session has no more", () => {
  const transcript = transcriptOf(6, 7, range(4, 5));
  expect(numbers(transcript)).toEqual([4, 5, 6, 7]);
  expect(transcript.hasOlder).toBe(true);
  const [first] = transcript.turns;
  expect(first && transcript.prepend({ turns: range(3, 3), more: false }, first)).toBe("added");
  expect(numbers(transcript)).toEqual([3, 4, 5, 6, 7]);
  expect(transcript.hasOlder).toBe(false);
});

test("history-2: a session that kept none of its older turns has no more of them", () => {
  const transcript = transcriptOf(6, 7, [], false);
  expect([numbers(transcript), transcript.hasOlder]).toEqual([[6, 7], false]);
  transcript.follow(range(7, 8));
  expect(transcript.hasOlder).toBe(true);
});

test("history-2: a turn that leaves the snapshot stays behind the older ones, also when several leave at once", () => {
  const transcript = transcriptOf(4, 6, range(2, 3));
  const before = transcript.turns;
  transcript.follow(range(5, 7));
  expect(numbers(transcript)).toEqual([2, 3, 4, 5, 6, 7]);
  expect(transcript.turns[0]).toBe(before[0]);
  transcript.follow(range(7, 9));
  expect(numbers(transcript)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});

test("snap-5: turns that were shrunk meanwhile are the same turns", () => {
  const transcript = transcriptOf(4, 6, range(2, 3));
  const shrunk = range(4, 7).map((turn) => ({ ...turn, steps: [...turn.steps, { step: 2, attempt: 1, parts: [] }] }));
  transcript.follow(shrunk);
  expect(numbers(transcript)).toEqual([2, 3, 4, 5, 6, 7]);
});

test("snap-4: after a snapshot that leaves a gap the older turns are gone", () => {
  const transcript = transcriptOf(4, 6, range(2, 3));
  transcript.follow(range(8, 9));
  expect(numbers(transcript)).toEqual([8, 9]);
  expect(transcript.hasOlder).toBe(true);
});

test("snap-4: after the session began again the older turns are gone, whatever the numbers of the new ones", () => {
  const emptied = transcriptOf(4, 6, range(1, 3), false);
  emptied.follow([]);
  expect([numbers(emptied), emptied.hasOlder]).toEqual([[], false]);
  const renewed = transcriptOf(4, 6, range(3, 3), false);
  renewed.follow(range(3, 7, { life: "second" }));
  expect(numbers(renewed)).toEqual([3, 4, 5, 6, 7]);
  expect(renewed.turns[0]?.inputs[0]?.producer).toBe("second");
  expect(renewed.hasOlder).toBe(true);
});

test("history-2: an answer to a question that came before another snapshot is of no use", () => {
  const transcript = new Transcript();
  transcript.follow(range(4, 6));
  const first = turnOf(4);
  transcript.follow(range(5, 7));
  expect(transcript.prepend({ turns: range(1, 3), more: false }, first)).toBe("moved");
  transcript.follow(range(4, 7, { life: "second" }));
  expect(transcript.prepend({ turns: range(1, 3), more: false }, first)).toBe("moved");
  expect(numbers(transcript)).toEqual([4, 5, 6, 7]);
  expect(transcript.hasOlder).toBe(true);
});

test("history-2: turns that are not those right before the first are refused", () => {
  const transcript = new Transcript();
  transcript.follow(range(4, 6));
  for (const turns of [range(1, 2), range(3, 4), [turnOf(1), turnOf(3)]])
    expect(transcript.prepend({ turns, more: false }, turnOf(4))).toBe("misfit");
  expect(numbers(transcript)).toEqual([4, 5, 6]);
});

test("a page that stays open for ever holds a bounded length of turns that have left the snapshot", () => {
  const large = { text: "x".repeat(256 * 1024) };
  const transcript = transcriptOf(2, 3, range(1, 1), true, large);
  for (let first = 3; first <= 40; first++) transcript.follow(range(first, first + 1, large));
  const held = numbers(transcript);
  expect(held.length).toBeGreaterThan(6);
  expect(held.length).toBeLessThan(12);
  expect(held).toEqual(range(42 - held.length, 41).map(({ turn }) => turn));
  expect(transcript.hasOlder).toBe(true);
});
