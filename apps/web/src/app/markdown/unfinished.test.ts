import { expect, test } from "vitest";
import { shownOf } from "./unfinished.ts";

test.for([
  ["a **bo", "a **bo**"],
  ["a **bold*", "a **bold**"],
  ["a **bold**", "a **bold**"],
  ["a **", "a"],
  ["a *it", "a *it*"],
  ["**a *b", "**a *b***"],
  ["**bold `co", "**bold `co`**"],
  ["some `code", "some `code`"],
  ["some `", "some"],
  ["some ``a ` b", "some ``a ` b``"],
  ["~~gone", "~~gone~~"],
  ["a ~", "a"],
] as const)("emphasis and code that have begun are closed: %j", ([text, shown]) => {
  expect(shownOf(text)).toBe(shown);
});

test.for([
  "2*3 = 6",
  "snake_case_name",
  "5 * 3",
  "costs ~5 and ~6",
  "a `b` c",
  "see [1] and more",
  "\\*no",
  "a < b",
  "Hello!",
])("what is no markup is shown at once: %j", (text) => {
  expect(shownOf(text)).toBe(text);
});

test.for([
  ["see [the ma", "see"],
  ["see [the map]", "see"],
  ["see [the map](", "see [the map](pending:)"],
  ["see [the map](https://exam", "see [the map](pending:)"],
  ["see [the map](https://example.com) and", "see [the map](https://example.com) and"],
  ["see **[the map](https://exam", "see **[the map](pending:)**"],
  ["an ![ima", "an"],
  ["an ![image](http", "an ![image](pending:)"],
  ["at <https://exam", "at"],
] as const)(
  "a link is shown once it is told to be one, and leads nowhere until its address is whole: %j",
  ([text, shown]) => {
    expect(shownOf(text)).toBe(shown);
  },
);

test.for([
  ["words\n\n`", "words\n\n"],
  ["words\n\n```", "words\n\n"],
  ["words\n\n```ty", "words\n\n"],
  ["words\n\n```ts\n", "words\n\n```ts\n"],
  ["```ts\nlet x\n``", "```ts\nlet x\n"],
  ["```ts\nlet x\n```", "```ts\nlet x\n"],
  ["```ts\n**x\n", "```ts\n**x\n"],
  ["- ```ts\n  let **x", "- ```ts\n  let **x"],
] as const)(
  "the line that opens or closes a fence is shown once it is whole, and code is left alone: %j",
  ([text, shown]) => {
    expect(shownOf(text)).toBe(shown);
  },
);

test.for([
  ["words\n-", "words\n"],
  ["words\n\n#", "words\n\n"],
  ["- one\n- ", "- one\n"],
  ["- one\n  1", "- one\n"],
  ["- [", ""],
  ["- [x]", ""],
  ["> ", ""],
  ["**words\n-", "**words**"],
  ["[label]: https://exa", ""],
] as const)("a line of nothing but markers waits for its words: %j", ([text, shown]) => {
  expect(shownOf(text).trimEnd()).toBe(shown.trimEnd());
});

test.for([
  ["| a | b", ""],
  ["| a | b |\n", ""],
  ["| a | b |\n|--", ""],
  ["| a | b |\n|---|---|", ""],
  ["| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n"],
  ["| a | b |\n|---|---|\n| **c", "| a | b |\n|---|---|\n| **c**"],
  ["| not a table |\nwords", "| not a table |\nwords"],
] as const)("the head of a table waits until it is known to be one: %j", ([text, shown]) => {
  expect(shownOf(text).trimEnd()).toBe(shown.trimEnd());
});

test("a long line of digits or markers is read in no time", () => {
  for (const line of ["1".repeat(30_000), "- ".repeat(30_000), "[".repeat(30_000), "*a ".repeat(30_000)]) {
    expect(typeof shownOf(`${line}x`)).toBe("string");
  }
});
