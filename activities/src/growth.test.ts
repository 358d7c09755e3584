import { type Part, partSchema } from "@holdfast/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { grown, nextGrowth } from "./growth.ts";

const text = (said: string): Part => ({ type: "text", text: said });
const reasoning = (said: string): Part => ({ type: "reasoning", text: said });
const data = (value: string): Part => ({ type: "data", name: "n", value });

/** Brings `held` to `parts` frame by frame. */
function framesBetween(held: Part[], parts: Part[]): { frames: string[]; held: Part[] } {
  const frames: string[] = [];
  for (let now = held; ;) {
    const growth = nextGrowth(now, parts);
    if (growth === undefined) return { frames, held: now };
    frames.push(growth.type === "delta" && growth.begins !== undefined ? growth.begins : growth.type);
    const next = grown(now, growth);
    if (next === undefined) throw new Error("A frame did not fit.");
    now = next;
  }
}

test.for<[string, Part[], Part[], string[]]>([
  ["nothing to do", [text("a")], [text("a")], []],
  ["text grows", [text("a")], [text("ab")], ["delta"]],
  ["a part begins behind another", [reasoning("a")], [reasoning("ab"), text("c")], ["delta", "text"]],
  ["a part is placed", [text("a")], [text("a"), data("x")], ["part"]],
  ["a part is replaced, also before others", [data("x"), text("a")], [data("y"), text("ab")], ["part", "delta"]],
  ["what grows before others is sent whole", [text("a"), data("x")], [text("ab"), data("x")], ["part"]],
  ["another text", [text("abc")], [text("x")], ["rewind"]],
  ["text taken back", [text("abc")], [text("ab")], ["rewind"]],
  ["a part taken back", [reasoning("a"), text("b")], [reasoning("a")], ["rewind"]],
  ["text that was reasoning", [text("a")], [reasoning("a")], ["rewind"]],
])("%s", ([, held, parts, frames]) => {
  expect(framesBetween(held, parts)).toEqual({ frames, held: parts });
});

test("frame-4: long text goes in several frames, none with half a character", () => {
  const parts = [text(`x${"🌊".repeat(40_000)}`)];
  const { held } = framesBetween([], parts);
  expect(held).toEqual(parts);
  const first = nextGrowth([], parts);
  expect(first).toMatchObject({ type: "delta", begins: "text" });
  const said = first?.type === "delta" ? first.text : "";
  expect([said.length, said.isWellFormed()]).toEqual([32 * 1024 - 1, true]);
});

const someText = fc.string({ unit: "grapheme", maxLength: 4 });
const somePart: fc.Arbitrary<Part> = fc.oneof(
  someText.map(text),
  someText.map(reasoning),
  someText.map(data),
  fc.record({
    type: fc.constant("tool" as const),
    call: someText,
    name: someText,
    state: fc.constant("done" as const),
  }),
);

test("grow-3: from any parts to any others, every frame fits what is held, and in the end readers hold the parts", () => {
  const someParts = fc.array(somePart, { maxLength: 4 });
  fc.assert(
    fc.property(someParts, someParts, (held, parts) => {
      const before = structuredClone(held);
      expect(framesBetween(held, parts).held).toEqual(parts);
      expect(held).toEqual(before);
      expect(partSchema.array().parse(parts)).toEqual(parts);
    }),
  );
});
