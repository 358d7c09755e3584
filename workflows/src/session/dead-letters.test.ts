import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { DeadLetterBox } from "./dead-letters.ts";

test("the oldest dead letters give way, and are counted; what is kept survives being carried over", () => {
  const box = new DeadLetterBox();
  for (let seq = 1; seq <= 100; seq++) box.add({ reason: "no such kind", producer: "p", seq });
  const after = new DeadLetterBox(JSON.parse(JSON.stringify(box.all)));
  after.add({ reason: "no such kind", producer: "p", seq: 101 });
  expect(after.all.dropped).toBe(37);
  expect(after.all.letters.map((letter) => letter.seq)).toEqual(Array.from({ length: 64 }, (_, n) => 38 + n));
});

test("contents are bounded, each and together", () => {
  const box = new DeadLetterBox();
  for (let seq = 1; seq <= 5; seq++) box.add({ reason: "too long", seq, content: "x".repeat(1024 * 1024) });
  expect(box.all.letters.map(({ seq, content }) => [seq, content?.length])).toEqual([
    [4, LIMITS.eventBytes],
    [5, LIMITS.eventBytes],
  ]);
  expect(box.all.dropped).toBe(3);
});
