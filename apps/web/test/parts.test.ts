import type { Page } from "playwright-core";
import { PATIENCE } from "../../../test/browser/chat-page.ts";
import { expect, scriptedTest as test } from "../../../test/browser/page-test.ts";
import { everyPart, goesOn, waiting } from "./every-part.ts";

/** Selects five characters from the fifth on of what is at `place` of the answer's blocks. */
const select = (page: Page, place: number): Promise<void> =>
  page.locator(".markdown").evaluate((markdown, at) => {
    const text = document.createTreeWalker(markdown.children[at] ?? markdown, NodeFilter.SHOW_TEXT).nextNode();
    if (text !== null) getSelection()?.setBaseAndExtent(text, 5, text, 10);
  }, place);
const selected = (page: Page): Promise<string> => page.evaluate(() => String(getSelection()));

const isFocused = (element: Element): boolean => element === document.activeElement;

test.for(["light", "dark"] as const)(
  "every kind of part is shown, and no accessibility rule is broken (%s)",
  async (colorScheme, { session, reader }) => {
    everyPart(session);
    waiting(session);
    const chat = await reader({ colorScheme, reducedMotion: "reduce", viewport: { width: 1280, height: 800 } });
    const { page } = chat;
    await page.getByText("May I book the boat").first().waitFor();
    for (const summary of await page.locator(".part summary, .question summary").all()) await summary.click();
    const first = await chat.turn(1).innerText();
    for (const shown of ["chart.pdf", "Thoughts", "sentiment", "weather", "NW 5", "no page 12", "tides: done", "bob"]) {
      expect(first).toContain(shown);
    }
    for (const shown of ["The sea", "Tides of Brest", "tides.csv"]) expect(first).toContain(shown);
    expect(await chat.violations()).toEqual([]);
    goesOn(session);
    await page.getByText("as long as one answer may be").waitFor();
    expect(await chat.turn(2).innerText()).toMatch(/Denied by bob\.[\s\S]*nobody can tell whether it ran/);
    expect(await chat.violations()).toEqual([]);
  },
);

test("turn-7: a turn that waits shows what is asked and who may answer, and is heard of", async ({
  session,
  reader,
}) => {
  const chat = await reader();
  const spoken = chat.page.locator(".spoken");
  await spoken.waitFor({ state: "attached" });
  waiting(session);
  await chat.page.getByText("Whoever this conversation belongs to may answer.").waitFor();
  await chat.page.locator('[data-question="q2"]').getByText("You may answer.").waitFor();
  await spoken.getByText("The agent asks: May I book the boat Hirondelle for 120 €?").waitFor();
  expect(await chat.turn(1).getAttribute("data-waiting")).toBe("true");
  session.wait([]);
  await chat.page.locator(".question").first().waitFor({ state: "detached" });
});

test("a thought stays as the reader left it, also after its turn", async ({ session, reader }) => {
  const chat = await reader();
  const { page } = chat;
  session.startTurn();
  session.delta("Let me see. ", "reasoning");
  const thoughts = page.locator(".reasoning");
  const summary = thoughts.locator("summary").first();
  await page.getByText("Thinking…", { exact: true }).waitFor();
  expect(await thoughts.getAttribute("open")).toBe(null);
  await summary.focus();
  await page.keyboard.press("Enter");
  await page.getByText("Let me see.").waitFor();
  session.delta("And further.", "reasoning");
  await page.getByText("And further.").waitFor();
  session.delta("Here it is.");
  await page.getByText("Thoughts", { exact: true }).waitFor();
  session.endStep();
  session.delta("More thoughts", "reasoning");
  session.complete();
  await chat.ended(1, "completed");
  expect(await thoughts.evaluateAll((all) => all.map((one) => one.hasAttribute("open")))).toEqual([true, false]);
  expect(await summary.evaluate(isFocused)).toBe(true);
});

test("a tool's call is shown as it comes about", async ({ session, reader }) => {
  const chat = await reader();
  session.startTurn();
  const call = { type: "tool", call: "c", name: "search" } as const;
  const tool = chat.page.locator('[data-tool="search"]');
  session.part({ ...call, state: "writing" });
  await tool.getByText("being called…").waitFor();
  session.grow('{"for":');
  await tool.getByText("Input (being written)").click();
  session.grow('"tides"}');
  await tool.getByText('{"for":"tides"}').waitFor();
  session.part({ ...call, state: "running", input: { for: "tides" }, progress: 0.5 }, 0);
  await tool.getByText("50 %").waitFor();
  session.part({ ...call, state: "done", input: { for: "tides" }, output: "None." }, 0);
  await tool.getByText("Output").click();
  await tool.getByText("None.").waitFor();
  session.complete();
  await chat.ended(1, "completed");
});

test("while an answer grows, blocks that do not change keep their elements", async ({ session, reader }) => {
  const { page } = await reader();
  session.startTurn();
  session.delta("# Title\n\nMark these words. ");
  await page.getByText("Mark these words.").waitFor();
  await page.locator(".markdown").evaluate((markdown) => {
    for (const element of markdown.children) element.setAttribute("data-kept", "yes");
  });
  await select(page, 1);
  session.delta("And **more of ");
  session.delta("them**.\n\n- an item\n\n```ts\nlet x");
  session.delta(" = 1;\n```\n\nThe end.");
  session.complete();
  await page.getByText("The end.").waitFor();
  const kinds = await page
    .locator(".markdown")
    .evaluate((markdown) =>
      Array.from(markdown.children, (element) => `${element.tagName} ${element.getAttribute("data-kept") ?? "new"}`),
    );
  expect(kinds).toEqual(["H2 yes", "P yes", "UL new", "FIGURE new", "P new"]);
  expect(await selected(page)).toBe("these");
});

test("what is selected in an answer stays selected while it grows and when it ends", async ({ session, reader }) => {
  const chat = await reader();
  session.startTurn();
  session.delta("Mark these words. ");
  await chat.streaming(1);
  await select(chat.page, 0);
  session.delta("And more of them. ");
  await chat.page.getByText("And more of them.").waitFor();
  expect(await selected(chat.page)).toBe("these");
  session.complete("Mark these words. And more of them. The end.");
  await chat.ended(1, "completed");
  expect(await chat.answer(1).textContent()).toBe("Mark these words. And more of them. The end.");
  expect(await selected(chat.page)).toBe("these");
});

test("a word more in a long answer changes no more of the page than in a short one", async ({ session, reader }) => {
  const { page } = await reader();
  const answer = page.locator(".markdown");
  session.startTurn();
  const block = "A paragraph with **bold** words and `code`.\n\n- an item\n- another\n\n```ts\nlet x = 1;\n```\n\n";
  session.delta(`${block.repeat(1_500)}The last`);
  await page.getByText("The last").waitFor();
  await answer.evaluate((markdown) => {
    const changed: string[] = [];
    new MutationObserver((records) => {
      for (const { type } of records) changed.push(type);
      markdown.setAttribute("data-changed", changed.join(" "));
    }).observe(markdown, { subtree: true, childList: true, characterData: true });
  });
  session.delta(" word.");
  await page.getByText("The last word.").waitFor();
  await expect.poll(() => answer.getAttribute("data-changed"), PATIENCE).toBe("characterData");
});

const CODE = 'if (x) {\n\treturn "שלום";\n}';

const refuseClipboard = (page: Page): Promise<void> =>
  page.evaluate(() => {
    Object.defineProperty(navigator.clipboard, "writeText", { value: () => Promise.reject(new Error("not allowed")) });
  });

test.for(["with the clipboard's permission", "without it"])(
  "a code is copied by keyboard, and that is said: %s",
  async (how, { session, reader }) => {
    const chat = await reader();
    const { page } = chat;
    if (how === "without it") await refuseClipboard(page);
    session.answer(`Code:\n\n\`\`\`ts\n${CODE}\n\`\`\``);
    const button = chat.button("Copy the code");
    await button.focus();
    await page.keyboard.press("Enter");
    await page.locator(".code-block").getByRole("status").getByText("Copied").waitFor();
    expect(await button.evaluate(isFocused)).toBe(true);
    await chat.message.focus();
    await page.keyboard.press("ControlOrMeta+V");
    await expect.poll(() => chat.message.inputValue(), PATIENCE).toBe(CODE);
  },
);

test("where nothing can be copied, the code is selected to be copied by hand", async ({ session, reader }) => {
  const chat = await reader();
  await refuseClipboard(chat.page);
  await chat.page.evaluate(() => Object.defineProperty(document, "execCommand", { value: () => false }));
  session.answer(`\`\`\`\n${CODE}\n\`\`\``);
  await chat.button("Copy the code").click();
  await chat.page.getByText("Selected: press Ctrl+C or ⌘C").waitFor();
  expect(await selected(chat.page)).toBe(CODE);
});

test("history-1: earlier turns come before those shown, and the reader's place stays", async ({ session, reader }) => {
  for (let turn = 1; turn <= 70; turn++) session.answer(`Turn ${turn}.\n\n${"More of it.\n\n".repeat(20)}`);
  session.shortenSnapshot(5);
  const chat = await reader();
  const { page } = chat;
  const transcript = page.locator(".transcript");
  const button = chat.button("Show earlier messages");
  await button.focus();
  await expect.poll(() => transcript.evaluate((element) => element.scrollTop), PATIENCE).toBeLessThan(100);
  const placeOf = async (): Promise<number | undefined> => (await chat.turn(66).boundingBox())?.y;
  const before = await placeOf();
  await page.keyboard.press("Enter");
  await chat.turn(20).waitFor({ state: "attached" });
  await page.locator(".spoken").getByText("50 earlier turns are shown above.").waitFor();
  expect(await placeOf()).toBeCloseTo(before ?? Number.NaN, 0);
  expect(await transcript.getAttribute("data-follows")).toBe("false");
  // Those that are left: the button goes, and the focus stays in the conversation.
  await page.keyboard.press("Enter");
  await chat.turn(1).waitFor({ state: "attached" });
  await button.waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("log");
  expect(await page.getByText("began this conversation again").count()).toBe(0);
});

test("earlier turns that cannot be had are told of, and asked for again", async ({ session, edge, reader }) => {
  for (let turn = 1; turn <= 10; turn++) session.answer(`Turn ${turn}.`);
  session.shortenSnapshot(5);
  edge.script.history = () => ({ ok: false, error: { code: "forbidden", message: "no", retryable: false } });
  const chat = await reader();
  const button = chat.button("Show earlier messages");
  await button.click();
  await chat.page.getByRole("alert").getByText("Earlier messages could not be loaded.").waitFor();
  delete edge.script.history;
  await button.click();
  await chat.turn(1).waitFor();
});

test("on a narrow screen nothing is wider than the screen, whatever an answer holds", async ({ session, reader }) => {
  everyPart(session);
  waiting(session);
  session.wait([]);
  const wide = "wide".repeat(200);
  const everywhere = { input: { [wide]: wide }, output: wide, error: wide };
  session.part({ type: "tool", call: "w", name: wide, state: "failed", ...everywhere });
  session.part({ type: "data", name: wide, value: { [wide]: [wide] } });
  session.part({ type: "source", url: `https://example.com/${wide}`, title: wide });
  session.part({ type: "file", blob: "w", mediaType: wide, name: wide, bytes: 1 });
  session.part({ type: "child", session: "w", agent: wide, state: "running", text: wide });
  session.delta(
    `${wide}\n\n# ${wide}\n\n- ${wide}\n\n> ${wide}\n\n\`${wide}\` [${wide}](https://example.com/${wide})\n\n|${`${wide}|`.repeat(5)}\n|${"-|".repeat(5)}\n|${`${wide}|`.repeat(5)}\n\n\`\`\`\n${wide}\n\`\`\``,
  );
  const chat = await reader({ viewport: { width: 320, height: 568 } });
  await chat.turn(2).locator("pre").waitFor();
  for (const summary of await chat.page.locator(".part summary").all()) await summary.click();
  const content = await chat.page.evaluate(() => ({
    page: document.documentElement.scrollWidth,
    transcript: document.querySelector(".transcript")?.scrollWidth,
  }));
  expect(content).toEqual({ page: 320, transcript: expect.any(Number) });
  expect(content.transcript).toBeLessThanOrEqual(320);
});
