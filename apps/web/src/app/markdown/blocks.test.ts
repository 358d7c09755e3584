import { expect, test } from "vitest";
import { GrowingMarkdown, type Block } from "./blocks.ts";

const SAMPLE = `# A *heading*

Some words, **bold**, *slanted*, \`code\`, ~~gone~~ and [a link](https://example.com/a_(b)).
A second line.

- one
- two **bold**
  1. nested
  2. again

     with a paragraph
- [x] done
- [ ] to do

> quoted
> - in a list

\`\`\`ts
let x = "**not bold**";

\`\`\`

| a | b |
|---|--:|
| 1 | \`2\` |
| **3** | 4 |

See [the map][m] too.

---

[m]: https://example.com/map

The end.`;

function kinds(blocks: readonly Block[]): string[] {
  return blocks.map(({ kind }) => kind);
}

/** Everything that can be read, without what only says how it looks. */
function words(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      switch (block.kind) {
        case "quote":
          return words(block.blocks);
        case "list":
          return block.items.map((item) => words(item.blocks)).join("\n");
        case "table":
          return [block.head, ...block.rows].flat().join("\n");
        case "rule":
          return "";
        default:
          return block.text;
      }
    })
    .join("\n");
}

test("a text is read into its blocks", () => {
  const { blocks, links } = new GrowingMarkdown().read(SAMPLE, true);
  expect(kinds(blocks).join(" ")).toBe("heading paragraph list quote code table paragraph rule paragraph");
  expect(links["m"]?.href).toBe("https://example.com/map");
  const [list] = blocks.filter((block) => block.kind === "list");
  expect(list?.items.map(({ isDone }) => isDone)).toEqual([undefined, undefined, true, false]);
  const lines = list?.items.map(({ blocks: inner }) => words(inner).split("\n")[0]);
  expect(lines).toEqual(["one", "two **bold**", "done", "to do"]);
});

test.for([1, 2, 3, 7, 50])("in pieces of %i characters it ends as it is read at once", (size) => {
  const reader = new GrowingMarkdown();
  for (let end = size; end < SAMPLE.length; end += size) reader.read(SAMPLE.slice(0, end), false);
  const { blocks, links } = reader.read(SAMPLE, true);
  const whole = new GrowingMarkdown().read(SAMPLE, true);
  expect(blocks).toEqual(whole.blocks);
  expect(Object.keys(links)).toEqual(Object.keys(whole.links));
});

test("while it grows, the kinds of blocks that are shown never change, nor are any taken back", () => {
  const reader = new GrowingMarkdown();
  let before: string[] = [];
  for (let end = 1; end <= SAMPLE.length; end++) {
    const now = kinds(reader.read(SAMPLE.slice(0, end), false).blocks);
    expect({ end, kinds: now.slice(0, before.length) }).toEqual({ end, kinds: before });
    before = now;
  }
});

test("a block before the last two is the same object from then on", () => {
  const reader = new GrowingMarkdown();
  let before: readonly Block[] = [];
  for (let end = 1; end <= SAMPLE.length; end++) {
    const { blocks } = reader.read(SAMPLE.slice(0, end), false);
    for (let place = 0; place < before.length - 2; place++) expect(blocks[place]).toBe(before[place]);
    before = blocks;
  }
});

test("a text that was taken back and written anew is read anew", () => {
  const reader = new GrowingMarkdown();
  reader.read("# One\n\nTwo\n\nThree\n\nFour", false);
  const { blocks } = reader.read("# Other", false);
  expect(words(blocks)).toBe("Other");
});

test("lines end as they do on Windows", () => {
  const reader = new GrowingMarkdown();
  const text = SAMPLE.replaceAll("\n", "\r\n");
  for (let end = 1; end <= text.length; end++) reader.read(text.slice(0, end), false);
  expect(reader.read(text, true).blocks).toEqual(new GrowingMarkdown().read(SAMPLE, true).blocks);
});

test("a long list is cut where items begin, and counts on", () => {
  const reader = new GrowingMarkdown();
  const item = (n: number): string => `${n}. item number ${n} with some words\n`;
  let text = "";
  for (let n = 1; n <= 1_000; n++) {
    text += item(n);
    if (n % 5 === 0) reader.read(text, false);
  }
  const lists = reader.read(text, true).blocks.filter((block) => block.kind === "list");
  expect(lists.length).toBeGreaterThan(2);
  const items = lists.flatMap((list) => list.items.map((_, place) => (list.start ?? 0) + place));
  expect(items).toEqual(Array.from({ length: 1_000 }, (_, place) => place + 1));
});

test("what follows a long text costs no reading of what stands before", () => {
  const paragraph = "Some words, **bold** and `code`, and [a link](https://example.com).\n\n";
  const reader = new GrowingMarkdown();
  const text = paragraph.repeat(4_000);
  const before = reader.read(text, false).blocks;
  const after = reader.read(`${text}More`, false).blocks;
  expect(after.length).toBe(before.length + 1);
  const same = after.filter((block, place) => block === before[place]).length;
  expect(after.length - same).toBeLessThanOrEqual(3);
});

test("labels called like members of every object are only labels", () => {
  const reader = new GrowingMarkdown();
  const { links } = reader.read(
    "[constructor]: https://a.example\n[__proto__]: https://b.example\n\n[x][constructor]",
    true,
  );
  expect(Object.keys(links).toSorted()).toEqual(["__proto__", "constructor"]);
});
