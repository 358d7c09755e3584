import type { ChatPage } from "./chat-page.ts";
import { expect, scriptedTest as test } from "./page-test.ts";

const HEBREW = "שלום, זה example.com עם 42 מילים (ו־code())!";
const ARABIC = "مرحبا، هذا README.md رقم 7.";
const LATIN = "Plain words, with שלום inside.";

/** Words of any language, length and content, where the page shows them. */

test("each line of a message goes in the direction of its own words", async ({ session, reader }) => {
  const chat = await reader();
  await chat.ask(session, HEBREW);
  // Lines of a paragraph, and blocks of other kinds.
  const text = `${ARABIC}\n${LATIN}\n\n# ${HEBREW}\n\n- ${ARABIC}\n\n\`\`\`\nconst x = 1;\n\`\`\`\n\n${LATIN}`;
  session.answer(text);
  await chat.ended(1, "completed");
  // Where a line of the answer begins: right for Arabic and Hebrew, left for the others.
  const lines = await chat.answer(1).evaluate((bubble) => {
    const found: [line: string, side: string][] = [];
    const walker = document.createTreeWalker(bubble.querySelector(".markdown") ?? bubble, NodeFilter.SHOW_TEXT);
    const box = bubble.getBoundingClientRect();
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (!(node instanceof Text) || node.parentElement?.closest(".code-head, button")) continue;
      const range = document.createRange();
      range.setStart(node, 0);
      range.setEnd(node, 1);
      const first = range.getBoundingClientRect();
      found.push([node.data, box.right - first.right < first.left - box.left ? "right" : "left"]);
    }
    return found;
  });
  expect(lines).toEqual([
    [ARABIC, "right"],
    [LATIN, "left"],
    [HEBREW, "right"],
    [ARABIC, "right"],
    ["const x = 1;", "left"],
    [LATIN, "left"],
  ]);
  expect(await chat.message.getAttribute("dir")).toBe("auto");
  expect(await direction(chat, ".session-title")).toBe("rtl");
  expect(await direction(chat, "h1")).toBe("rtl");
});

test("overrides of the direction do not leave the words they are in", async ({ session, reader }) => {
  const chat = await reader();
  const evil = "\u202Eevil \u2066title";
  await chat.ask(session, evil);
  session.answer("\u202Ereversed");
  await chat.ended(1, "completed");
  expect(await chat.page.title()).toBe("evil title · Holdfast");
  await chat.button("Remove “evil title” from the list").waitFor();
  // What stands beside and after the words still reads from left to right.
  for (const label of ["✓✓", "Copy"]) {
    const [first, second] = await chat.page
      .locator(".message-footer")
      .getByText(label)
      .first()
      .evaluate((element) => {
        const node = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
        if (!(node instanceof Text)) throw new Error("no text");
        return [0, 1].map((at) => {
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, at + 1);
          return range.getBoundingClientRect().left;
        });
      });
    expect(first).toBeLessThan(second ?? 0);
  }
});

test.for([
  ["an unbroken word", "x".repeat(5_000)],
  ["an address", `https://example.com/${"path/".repeat(400)}`],
  ["emoji", "👩‍👩‍👧‍👦".repeat(300)],
  ["no space at all", "漢字".repeat(1_000)],
  ["piles of accents", `Z${"\u0301\u0335".repeat(200)}`.repeat(20)],
  ["nothing to see", "\u200B\u200D\u2060"],
  ["lines", "a\n".repeat(300)],
] as const)("%s is shown whole and makes nothing wider than a narrow screen", async ([, text], { session, reader }) => {
  const chat = await reader({ viewport: { width: 320, height: 568 } });
  await chat.message.fill(text);
  expect(await chat.scrollsSideways()).toBe(false);
  await chat.message.press("Enter");
  await expect.poll(() => session.taken.length).toBe(1);
  session.startTurn();
  session.complete(text, [
    { op: "add", path: "/note", value: text },
    { op: "add", path: `/${text.slice(0, 300).replaceAll(/[~/]/g, "")}`, value: 1 },
  ]);
  await chat.ended(1, "completed");
  expect((await linesOf(chat)).join("\n")).toBe(text.trimEnd());
  // What was said is shown to the letter.
  expect(await chat.turn(1).locator(".message-user .bubble").textContent()).toBe(text.trim());
  expect(await chat.scrollsSideways()).toBe(false);
  for (const panel of ["Conversations", "Agent"]) {
    await chat.button(panel).click();
    await chat.page.getByRole("dialog", { name: panel }).waitFor();
    expect(await chat.scrollsSideways()).toBe(false);
    await chat.button(`Close ${panel}`).click();
  }
});

test("an agent's state is shown as it is, whatever it is", async ({ edge, reader }) => {
  edge.world.session("shop", "seller").patch([
    { op: "add", path: "/mood", value: "a text, not what the concierge has" },
    {
      op: "add",
      path: "/basket",
      value: [
        { name: "לחם", price: 4.5 },
        { name: "tea", price: 0 },
      ],
    },
    { op: "add", path: "/open", value: false },
    { op: "add", path: "/deep", value: { a: { b: { c: { d: { e: "bottom" } } } } } },
    { op: "add", path: "/nothing", value: null },
  ]);
  const chat = await reader();
  await chat.page.goto("/#/shop?agent=seller");
  const panel = chat.page.getByRole("complementary", { name: "Agent" });
  await panel.getByText("a text, not what the concierge has").waitFor();
  for (const shown of ["seller", "לחם", "4.5", "bottom", "none", "no"]) {
    await panel
      .getByText(shown, { exact: shown !== "bottom" })
      .first()
      .waitFor();
  }
  expect(edge.opens.at(-1)).toMatchObject({ session: "shop", agent: "seller" });
  expect(await panel.getByRole("heading", { name: "Mood" }).count()).toBe(0);
});

test("an agent called concierge that publishes something else is shown like any other", async ({ edge, reader }) => {
  edge.world.session("mine", "concierge").patch([{ op: "add", path: "/mood", value: "sunny" }]);
  const chat = await reader();
  await chat.page.goto("/#/mine");
  await chat.page.getByRole("complementary", { name: "Agent" }).getByText("sunny").waitFor();
});

test("the text of a message is copied as it is", async ({ session, tabs }) => {
  const context = await tabs.context();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const chat = await tabs.signedIn({ context });
  await chat.ask(session, "Copy me");
  const text = `if (x) {\n\treturn "${HEBREW}";\n}\n`;
  session.startTurn();
  session.complete(text);
  await chat.ended(1, "completed");
  await chat.button("Copy the answer").click();
  await chat.page.getByText("Copied").waitFor();
  expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe(text);
});

/** The answer's text, where each line break is an element. */
const linesOf = (chat: ChatPage): Promise<string[]> =>
  chat.answer(1).evaluate((bubble) => {
    const lines = [""];
    const walker = document.createTreeWalker(bubble);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (node instanceof HTMLBRElement) lines.push("");
      else if (node instanceof Text) lines.push(`${lines.pop() ?? ""}${node.data}`);
    }
    return lines;
  });

const direction = (chat: ChatPage, selector: string): Promise<string> =>
  chat.page
    .locator(selector)
    .first()
    .evaluate((element) => getComputedStyle(element).direction);
