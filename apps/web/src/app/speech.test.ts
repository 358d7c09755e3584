import { expect, test } from "vitest";
import { speak, withoutMarkup } from "./speech.ts";

/** Feeds `text` piece by piece, as deltas bring it, and collects what is said. */
function stream(text: string, size: number): string[] {
  const said: string[] = [];
  let length = 0;
  for (let end = size; end < text.length + size; end += size) {
    const speech = speak(text.slice(0, end), length, end >= text.length);
    length = speech.length;
    said.push(...speech.sentences);
  }
  return said;
}

test.for([1, 3, 7, 1000])("whole sentences are said once and in order, in deltas of %i", (size) => {
  expect(stream("Hello there! Version 1.5 is out.\nWhat now? No full stop", size)).toEqual([
    "Hello there!",
    "Version 1.5 is out.",
    "What now?",
    "No full stop",
  ]);
});

test("an unfinished sentence waits", () => {
  expect(speak("One. Two", 0, false)).toEqual({ length: 5, sentences: ["One."] });
});

test("a rewind does not say again what was said", () => {
  expect(speak("One. ", 20, false).sentences).toEqual([]);
});

test("what never comes to the end of a sentence is said all the same, up to a space", () => {
  const code = "let x = 1 ".repeat(100);
  const { length, sentences } = speak(code, 0, false);
  expect(sentences).toEqual([code.slice(0, length).trim()]);
  expect(code.length - length).toBeLessThan(20);
  expect(speak("x".repeat(2_000), 0, false).length).toBe(2_000);
});

test.for([
  ["**Bold** and *slanted* `code`.", "Bold and slanted code."],
  ["## A heading", "A heading"],
  ["- an item", "an item"],
  ["See [the map](https://example.com/map) first.", "See the map first."],
  ["| a | b |", "a, b"],
  ["|---|--:|", ""],
  ["```ts", ""],
  ["2 * 3 is 6, in snake_case - truly.", "2 * 3 is 6, in snake_case - truly."],
] as const)("marks that only say how a text looks are not read out: %j", ([written, said]) => {
  expect(withoutMarkup(written)).toBe(said);
});
