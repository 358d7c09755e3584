import { expect, test } from "vitest";
import { shownOf } from "./unfinished.ts";

/** What is shown of a text that has got so far, by the reason for it. */
const SHOWN: Record<string, [text: string, shown: string][]> = {
  "emphasis and code that have begun are closed": [
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
  ],
  "a link is shown once it is told to be one, and leads nowhere until its address is whole": [
    ["see [the ma", "see"],
    ["see [the map]", "see"],
    ["see [the map](", "see [the map](pending:)"],
    ["see [the map](https://exam", "see [the map](pending:)"],
    ["see [the map](https://example.com) and", "see [the map](https://example.com) and"],
    ["see **[the map](https://exam", "see **[the map](pending:)**"],
    ["an ![ima", "an"],
    ["an ![image](http", "an ![image](pending:)"],
    ["at <https://exam", "at"],
  ],
  "the line that opens or closes a fence is shown once it is whole, and code is left alone": [
    ["words\n\n`", "words\n\n"],
    ["words\n\n```", "words\n\n"],
    ["words\n\n```ty", "words\n\n"],
    ["words\n\n```ts\n", "words\n\n```ts\n"],
    ["```ts\nlet x\n``", "```ts\nlet x\n"],
    ["```ts\nlet x\n```", "```ts\nlet x\n"],
    ["```ts\n**x\n", "```ts\n**x\n"],
    ["- ```ts\n  let **x", "- ```ts\n  let **x"],
  ],
  "a line of nothing but markers waits for its words": [
    ["words\n-", "words\n"],
    ["words\n\n#", "words\n\n"],
    ["- one\n- ", "- one\n"],
    ["- one\n  1", "- one\n"],
    ["- [", ""],
    ["- [x]", ""],
    ["> ", ""],
    ["**words\n-", "**words**"],
    ["[label]: https://exa", ""],
  ],
  "the head of a table waits until it is known to be one": [
    ["| a | b", ""],
    ["| a | b |\n", ""],
    ["| a | b |\n|--", ""],
    ["| a | b |\n|---|---|", ""],
    ["| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n"],
    ["| a | b |\n|---|---|\n| **c", "| a | b |\n|---|---|\n| **c**"],
    ["| not a table |\nwords", "| not a table |\nwords"],
  ],
};

test.for(Object.entries(SHOWN).flatMap(([why, texts]) => texts.map((text) => [why, ...text] as const)))(
  "%s: %j",
  ([, text, shown]) => {
    expect(shownOf(text).trimEnd()).toBe(shown.trimEnd());
  },
);

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

test("a long line of digits or markers is read in no time", () => {
  for (const line of ["1".repeat(30_000), "- ".repeat(30_000), "[".repeat(30_000), "*a ".repeat(30_000)]) {
    expect(typeof shownOf(`${line}x`)).toBe("string");
  }
});
