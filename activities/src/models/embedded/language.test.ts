import { expect, test } from "vitest";
import { Language } from "./language.ts";

const language = new Language();

test("entities: what the model knows, and runs of proper nouns as names", () => {
  const { entities } = language.read("Ada Lovelace paid $30 on 12 March 2025, write to ada@example.com.");
  expect(entities).toEqual(
    expect.arrayContaining([
      { text: "$30", type: "MONEY" },
      { text: "12 March 2025", type: "DATE" },
      { text: "ada@example.com", type: "EMAIL" },
      { text: "Ada Lovelace", type: "NAME" },
    ]),
  );
});

test("sentiment has the sign of the words and stays within −1 … 1", () => {
  expect(language.read("This is terrible, I hate it.").sentiment).toBeLessThan(0);
  expect(language.read("What a wonderful, lovely day!").sentiment).toBeGreaterThan(0);
  expect(language.read("👍".repeat(500)).sentiment).toBeLessThanOrEqual(1);
});

test("keywords: nouns, the most frequent first, without stop words", () => {
  const { keywords } = language.read("The lamp is late. My lamp order is for the kitchen.");
  expect(keywords[0]).toBe("lamp");
  expect(keywords).toEqual(expect.arrayContaining(["order", "kitchen"]));
});

test.for(["", "日本語", "\ud83d", "😀", "...", "x".repeat(40_000)])("any text can be read: %j", (text) => {
  const { sentiment, entities, keywords } = language.read(text.slice(0, 32_768));
  expect(Number.isFinite(sentiment)).toBe(true);
  expect([...entities, ...keywords].length).toBeLessThan(30);
});
