import { expect, test } from "vitest";
import { cut, oneLine } from "./plain-text.ts";

test("a title is one line without anything that turns the text around it", () => {
  expect(oneLine("  \u202Eevil\u202C \u2069 title\nsecond\tline\u0000 ")).toBe("evil title second line");
  expect(oneLine("שלום abc 123")).toBe("שלום abc 123");
});

test.for(["", " \n ", "\u200B\u200D\uFEFF", "\u202E\u2066", "\u0301"])("nothing to see is no title: %j", (text) => {
  expect(oneLine(text)).toBe("");
});

test("emoji are something to see", () => {
  expect(oneLine("👩‍👩‍👧‍👦")).toBe("👩‍👩‍👧‍👦");
});

test("a cut never goes through a character, of however many code points it is made", () => {
  const family = "👩‍👩‍👧‍👦";
  expect(cut(`ab${family}`, 5)).toBe("ab");
  expect(cut("e\u0301e\u0301e\u0301", 3)).toBe("e\u0301");
  expect(cut("abc", 3)).toBe("abc");
});
