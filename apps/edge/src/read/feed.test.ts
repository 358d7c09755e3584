import type { FrameText } from "@holdfast/internal";
import { expect, test } from "vitest";
import { Ring } from "./feed.ts";

function delta(id: number, text = "x"): FrameText {
  const envelope = { type: "delta", id: `${id}`, prev: `${id - 1}`, turn: 1, step: 1, attempt: 1, index: id } as const;
  return { ...envelope, json: JSON.stringify({ ...envelope, text }) };
}
const ids = (ring: Ring, cursor: string) => ring.after(cursor)?.map(({ id }) => id);

test("chain-1: a ring gives what follows a cursor, from the frame whose `prev` it is", () => {
  const ring = new Ring({ frames: 10, length: 10_000 });
  for (const id of [1, 2, 3]) ring.push(delta(id));
  expect(ids(ring, "0")).toEqual(["1", "2", "3"]);
  expect(ids(ring, "2")).toEqual(["3"]);
  expect(ids(ring, "7")).toBeUndefined();
  expect([ring.has("2"), ring.has("7")]).toEqual([true, false]);
});

test("it is bounded by count and by length, and does not reach past what it dropped", () => {
  const few = new Ring({ frames: 2, length: 10_000 });
  for (const id of [1, 2, 3]) few.push(delta(id));
  expect(ids(few, "0")).toBeUndefined();
  expect(ids(few, "1")).toEqual(["2", "3"]);
  const short = new Ring({ frames: 10, length: 900 });
  for (const id of [1, 2, 3]) short.push(delta(id, "x".repeat(400)));
  expect(ids(short, "1")).toBeUndefined();
  expect(ids(short, "2")).toEqual(["3"]);
});
