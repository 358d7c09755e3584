import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { Markdown } from "./markdown.tsx";

const render = (text: string, isWhole = true): string =>
  renderToStaticMarkup(<Markdown text={text} isWhole={isWhole} />);

/** What can be read on the page. */
const wordsOf = (html: string): string => html.replaceAll(/<[^>]*>/g, "");

test("Markdown becomes elements", () => {
  const html = render("# Title\n\n**bold** *slanted* `code` ~~gone~~\nnext line\n\n1. one\n2. two\n\n> quoted\n\n---");
  for (const tag of ["h2", "strong", "em", "code", "del", "br", "ol", "blockquote", "hr"])
    expect(html).toContain(`<${tag}`);
});

test("a code has its language, a copy button, and can be scrolled by keyboard", () => {
  const html = render("```ts\nlet x = 1 < 2;\n```");
  expect(html).toContain('aria-label="Code, ts"');
  expect(html).toContain('tabindex="0"');
  expect(wordsOf(html)).toContain("Copy the code");
  expect(wordsOf(html)).toContain("let x = 1 &lt; 2;");
});

test("a link opens in a tab of its own, and tells nobody where one comes from", () => {
  const html = render("[a link](https://example.com/x)");
  expect(html).toContain('href="https://example.com/x"');
  expect(html).toContain('target="_blank"');
  expect(html).toContain("noopener noreferrer");
});

test.for([
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java&#10;script:alert(1))",
  "[x](<java\tscript:alert(1)>)",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:x)",
  "[x](#/another)",
  "[x](/dev/children)",
  "[x](//example.com)",
  "[x][y]\n\n[y]: javascript:alert(1)",
  "![x](javascript:alert(1))",
  "<javascript:alert(1)>",
])("an address that is not the web's leads nowhere: %j", (text) => {
  expect(render(text)).not.toContain("href");
});

test.for([
  "<script>alert(1)</script>",
  "words <script>alert(1)</script> words",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "<a href='javascript:alert(1)'>x</a>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<style>*{display:none}</style>",
  "<div onclick=alert(1)>\n\n**x**\n\n</div>",
  "<!-- --><b>",
  "`<script>`",
  "```\n</code></pre><script>alert(1)</script>\n```",
  '```ts" onload="alert(1)\nx\n```',
  "| <img src=x onerror=alert(1)> |\n|---|\n| <script>x</script> |",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  '![x" onerror="alert(1)](https://example.com/x.png)',
  '[x](https://example.com/"onmouseover="alert(1))',
])("HTML is shown as it is written: %j", (text) => {
  for (const html of [render(text), render(text, false)]) {
    expect(html).not.toMatch(/<(?:script|img|svg|iframe|style|b)[\s>/]/);
    expect(html).not.toMatch(/<[^>]* on\w+=/);
  }
});

test("an image is a link to it: nothing is loaded from where somebody else says", () => {
  const html = render("![a map](https://example.com/map.png)");
  expect(html).toContain('href="https://example.com/map.png"');
  expect(html).not.toContain("<img");
  expect(wordsOf(html)).toContain("a map");
});

test("<br> breaks the line, as it does in tables everywhere", () => {
  expect(render("| a |\n|---|\n| one<br>two |")).toMatch(/one<\/span><br\/><span>two/);
});

test("characters written by their names are shown", () => {
  expect(wordsOf(render("a &lt; b &amp;&amp; c &mdash; &#x1F30A; &nothing; &#0;"))).toBe(
    "a &lt; b &amp;&amp; c — 🌊 &amp;nothing; \ufffd",
  );
});

test("while a text grows, nothing that can be read is taken back", () => {
  const text = `Some **bold and *both* words** with \`code\` and [a link](https://example.com/a_b), [1] and ![an image](https://example.com).

1. **first** item
2. second with \`code\`
   - nested

\`\`\`ts
const x = \`a\`;
\`\`\`

| head | **two** |
|------|--------:|
| one  | \`x\`     |

> quoted *words*

The end, with 2*3 and snake_case.`;
  let before = "";
  for (let end = 1; end <= text.length; end++) {
    const now = wordsOf(render(text.slice(0, end), false))
      .replaceAll(/\s+/g, " ")
      .trim();
    expect({ end, words: now.slice(0, before.length) }).toEqual({ end, words: before });
    before = now;
  }
  expect(before).toBe(wordsOf(render(text)).replaceAll(/\s+/g, " ").trim());
});

const MUCH = 64 * 1024;
const much = (text: string): string => text.repeat(Math.ceil(MUCH / text.length)).slice(0, MUCH);

test.for([
  ["quotations in each other", much(">")],
  ["lists in each other", Array.from({ length: 500 }, (_, depth) => `${"  ".repeat(depth)}- x`).join("\n")],
  ["markers of lists", much("- ")],
  ["brackets", much("[")],
  ["links that do not end", much("[a](b")],
  ["emphasis that does not end", much("*a **a _b ")],
  ["emphasis in emphasis", `${"*a _b ".repeat(5_000)}${"_*".repeat(5_000)}`],
  ["code that does not end", much("`a ``b ")],
  ["tags that do not end", much("<a ")],
  ["comments", much("<!-- ")],
  ["a table of one row", `| a |\n|---|\n${much("| ")}`],
  ["a table of many rows", `| a | b |\n|---|---|\n${much("| **a** | `b` |\n")}`],
  ["spaces", `a${much(" ")}b`],
  ["fences", much("```\n")],
  ["one word", much("x")],
  ["definitions", much("[a]: b\n")],
] as const)("a hostile text is shown, and does not stop the page: %s", ([, text]) => {
  expect(render(text).length).toBeGreaterThan(0);
  expect(render(text, false).length).toBeGreaterThanOrEqual(0);
});
