import { expect, test } from "vitest";
import { LIMITS } from "./limits.ts";
import type { Part } from "./parts.ts";
import { boundTurns, turnLength } from "./bounds.ts";
import type { Turn } from "./turn.ts";

const numbers = (turns: Turn[]): number[] => turns.map(({ turn }) => turn);

/** A turn of this length, half of it its input's text. */
function turnOf(turn: number, length: number): Turn {
  const asked = "q".repeat(Math.floor(length / 2));
  return turnWith(turn, [{ type: "text", text: "a".repeat(Math.ceil(length / 2)) }], asked);
}

function turnWith(turn: number, parts: Part[], asked = "q"): Turn {
  const inputs = [{ by: "ann", producer: "p", seq: turn, origin: "user" as const, at: 0, text: asked }];
  const steps = [{ step: 1, attempt: 1, parts }];
  return { turn, origin: "user", inputs, steps, outcome: "completed", finish: "stop" };
}

test("snap-2: the newest turns are kept, bounded by their number", () => {
  const turns = Array.from({ length: LIMITS.snapshotTurns + 5 }, (_, i) => turnOf(i + 1, 1));
  expect(numbers(boundTurns(turns))).toEqual(numbers(turns.slice(5)));
  const few = turns.slice(0, 7);
  expect(boundTurns(few)).toBe(few);
  expect(boundTurns([])).toEqual([]);
});

test("snap-2: the newest turns are kept, bounded by their length, and the newest always", () => {
  const half = LIMITS.snapshotLength / 2;
  expect(numbers(boundTurns([turnOf(1, 1), turnOf(2, half), turnOf(3, half)]))).toEqual([2, 3]);
  expect(numbers(boundTurns([turnOf(1, 1), turnOf(2, half), turnOf(3, half + 1)]))).toEqual([3]);
  expect(numbers(boundTurns([turnOf(1, 1), turnOf(2, 10 * half)]))).toEqual([2]);
});

test("snap-2: a turn's length is that of its inputs, what came with them, and its parts", () => {
  const data = { a: "é" };
  const files = [{ blob: "b", mediaType: "text/plain", name: "n", bytes: 1 }];
  const tool: Part = { type: "tool", call: "1.1.0", name: "look", state: "done", output: [1, 2] };
  const turn = turnWith(1, [{ type: "text", text: "four" }, { type: "reasoning", text: "so" }, tool], "hello");
  const [asked] = turn.inputs;
  if (asked === undefined) expect.fail();
  const whole = { ...turn, inputs: [{ ...asked, data, files }] };
  expect(turnLength(turn)).toBe("hello".length + "four".length + "so".length + JSON.stringify(tool).length);
  expect(turnLength(whole) - turnLength(turn)).toBe(JSON.stringify(data).length + JSON.stringify(files).length);
});

test("snap-5: turns older than the newest wholeTurns are shrunk; the others, and what has nothing to shrink, stay the same", () => {
  const parts: Part[] = [
    { type: "reasoning", text: "why" },
    { type: "text", text: "because" },
    { type: "data", name: "chart", id: "c", value: [1, 2] },
  ];
  const turns = Array.from({ length: LIMITS.wholeTurns + 2 }, (_, i) => turnWith(i + 1, parts));
  const plain = turnWith(2, [{ type: "text", text: "plain" }]);
  turns[1] = plain;
  const kept = boundTurns(turns);
  expect(numbers(kept)).toEqual(numbers(turns));
  expect(kept[0]?.steps[0]?.parts).toEqual([
    { type: "reasoning", text: "" },
    { type: "text", text: "because" },
    { type: "data", name: "chart", id: "c", value: null },
  ]);
  expect(kept[0]).toMatchObject({ turn: 1, inputs: turns[0]?.inputs, outcome: "completed" });
  expect(kept[1]).toBe(plain);
  kept.slice(2).forEach((turn, i) => expect(turn).toBe(turns[i + 2]));
});

test("snap-2, snap-5: turns are shrunk before they are counted, so what was large once does not crowd out others", () => {
  const large: Part = { type: "data", name: "table", value: "x".repeat(LIMITS.partLength - 100) };
  const turns = Array.from({ length: LIMITS.wholeTurns + 8 }, (_, i) =>
    turnWith(i + 1, i < 8 ? [large] : [{ type: "text", text: "short" }]),
  );
  expect(8 * turnLength(turnWith(1, [large]))).toBeGreaterThan(LIMITS.snapshotLength);
  expect(boundTurns(turns)).toHaveLength(turns.length);
});

test("snap-2, snap-5: to bound what is bounded changes nothing", () => {
  const turns = Array.from({ length: LIMITS.snapshotTurns + 30 }, (_, i) =>
    turnWith(i + 1, [
      { type: "reasoning", text: "r".repeat(i) },
      { type: "text", text: "t".repeat(40 * i) },
    ]),
  );
  const once = boundTurns(turns);
  expect(once.length).toBeLessThan(turns.length);
  expect(boundTurns(once)).toBe(once);
});
