import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SUBJECT } from "../../../packages/client/test/scripted-session.ts";
import { findChromium } from "../../../test/browser/chromium.ts";
import { everyPart, goesOn, waiting } from "./every-part.ts";
import { ScriptedPage } from "./scripted-page.ts";

const executable = await findChromium();
/** A busy machine may take long; a condition that is met ends the wait at once. */
const PATIENCE = { timeout: 60_000 };

describe.skipIf(executable === undefined)("turns in parts, in Chromium (HOLDFAST_CHROMIUM, or one on PATH)", () => {
  let scripted: ScriptedPage;
  const problems: string[][] = [];
  beforeAll(async () => {
    scripted = await ScriptedPage.open(executable ?? "");
  });
  afterEach(async () => {
    await scripted.reset();
    const met = problems.splice(0).flat();
    if (met.length > 0) throw new Error(`The page has problems:\n${met.join("\n")}`);
  });
  afterAll(() => scripted.close());

  async function open(options: Parameters<ScriptedPage["tab"]>[0] = {}): Promise<Page> {
    const tab = await scripted.tab(options, SUBJECT);
    problems.push(tab.problems);
    tab.page.setDefaultTimeout(PATIENCE.timeout);
    return tab.page;
  }

  test.for(["light", "dark"] as const)(
    "every kind of part is shown, and no accessibility rule is broken (%s)",
    async (colorScheme) => {
      everyPart(scripted.session);
      waiting(scripted.session);
      const page = await open({ colorScheme, reducedMotion: "reduce", viewport: { width: 1280, height: 800 } });
      await page.getByText("May I book the boat").first().waitFor();
      for (const summary of await page.locator(".part summary, .question summary").all()) await summary.click();
      const first = await page.locator('[data-turn="1"]').innerText();
      for (const shown of [
        "chart.pdf",
        "Thoughts",
        "sentiment",
        "weather",
        "NW 5",
        "no page 12",
        "tides: done",
        "bob",
        "The sea",
        "Tides of Brest",
        "tides.csv",
      ]) {
        expect(first).toContain(shown);
      }
      expect(await violations(page)).toEqual([]);
      goesOn(scripted.session);
      await page.getByText("as long as one answer may be", { exact: false }).waitFor();
      expect(await page.locator('[data-turn="2"]').innerText()).toMatch(
        /Denied by bob\.[\s\S]*nobody can tell whether it ran/,
      );
      expect(await violations(page)).toEqual([]);
    },
  );

  test("turn-7: a turn that waits shows what is asked and who may answer, and says so to those who listen", async () => {
    const page = await open();
    await page.locator(".spoken").waitFor({ state: "attached" });
    waiting(scripted.session);
    await page.getByText("Whoever this conversation belongs to may answer.", { exact: false }).waitFor();
    await page.locator('[data-question="q2"]').getByText("You may answer.").waitFor();
    await page
      .locator(".spoken")
      .getByText("The agent asks: May I book the boat Hirondelle for 120 €?", { exact: false })
      .waitFor();
    expect(await page.locator('[data-turn="1"]').getAttribute("data-waiting")).toBe("true");
    scripted.session.wait([]);
    await page.locator(".question").first().waitFor({ state: "detached" });
  });

  test("a thought stays as the reader left it, from its first word to long after its turn", async () => {
    const { session } = scripted;
    const page = await open();
    session.startTurn();
    session.delta("Let me see. ", "reasoning");
    const summary = page.locator(".reasoning summary");
    await page.getByText("Thinking…", { exact: true }).waitFor();
    expect(await page.locator(".reasoning").getAttribute("open")).toBe(null);
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
    await page.locator('[data-turn="1"][data-outcome="completed"]').waitFor();
    expect(await page.locator(".reasoning").evaluateAll((all) => all.map((one) => one.hasAttribute("open")))).toEqual([
      true,
      false,
    ]);
    expect(await summary.first().evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test("a tool's call is shown as it comes about", async () => {
    const { session } = scripted;
    const page = await open();
    session.startTurn();
    const call = { type: "tool", call: "c", name: "search" } as const;
    const tool = page.locator('[data-tool="search"]');
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
    await page.locator('[data-outcome="completed"]').waitFor();
  });

  test("while an answer grows, blocks that do not change keep their elements, and what is selected stays selected", async () => {
    const { session } = scripted;
    const page = await open();
    session.startTurn();
    session.delta("# Title\n\nMark these words. ");
    await page.getByText("Mark these words.").waitFor();
    await page.locator(".markdown").evaluate((markdown) => {
      for (const element of markdown.children) element.setAttribute("data-kept", "yes");
      const text = document.createTreeWalker(markdown.children[1] ?? markdown, NodeFilter.SHOW_TEXT).nextNode();
      if (text !== null) getSelection()?.setBaseAndExtent(text, 5, text, 10);
    });
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
    expect(await page.evaluate(() => String(getSelection()))).toBe("these");
  });

  test("a word more in a long answer changes no more of the page than in a short one", async () => {
    const { session } = scripted;
    const page = await open();
    session.startTurn();
    const block = "A paragraph with **bold** words and `code`.\n\n- an item\n- another\n\n```ts\nlet x = 1;\n```\n\n";
    session.delta(`${block.repeat(1_500)}The last`);
    await page.getByText("The last").waitFor();
    await page.locator(".markdown").evaluate((markdown) => {
      const changed: string[] = [];
      new MutationObserver((records) => {
        for (const { type } of records) changed.push(type);
        markdown.setAttribute("data-changed", changed.join(" "));
      }).observe(markdown, { subtree: true, childList: true, characterData: true });
    });
    session.delta(" word.");
    await page.getByText("The last word.").waitFor();
    await expect.poll(() => page.locator(".markdown").getAttribute("data-changed"), PATIENCE).toBe("characterData");
  });

  const CODE = 'if (x) {\n\treturn "שלום";\n}';

  test.for(["with the clipboard's permission", "without it"])(
    "a code is copied by keyboard, and that is said: %s",
    async (how) => {
      const { session } = scripted;
      const page = await open();
      if (how === "without it") await refuseClipboard(page);
      session.answer(`Code:\n\n\`\`\`ts\n${CODE}\n\`\`\``);
      const button = page.getByRole("button", { name: "Copy the code" });
      await button.focus();
      await page.keyboard.press("Enter");
      await page.locator(".code-block").getByRole("status").getByText("Copied").waitFor();
      expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
      const field = page.getByRole("textbox", { name: "Message", exact: true });
      await field.focus();
      await page.keyboard.press("ControlOrMeta+V");
      await expect.poll(() => field.inputValue(), PATIENCE).toBe(CODE);
    },
  );

  test("where nothing can be copied, the code is selected to be copied by hand", async () => {
    const page = await open();
    await refuseClipboard(page);
    await page.evaluate(() => Object.defineProperty(document, "execCommand", { value: () => false }));
    scripted.session.answer(`\`\`\`\n${CODE}\n\`\`\``);
    await page.getByRole("button", { name: "Copy the code" }).click();
    await page.getByText("Selected: press Ctrl+C or ⌘C").waitFor();
    expect(await page.evaluate(() => String(getSelection()))).toBe(CODE);
  });

  test("history-1: earlier turns come before those that are shown, and the reader's place stays", async () => {
    const { session } = scripted;
    for (let turn = 1; turn <= 70; turn++) session.answer(`Turn ${turn}.\n\n${"More of it.\n\n".repeat(20)}`);
    session.shortenSnapshot(5);
    const page = await open();
    const button = page.getByRole("button", { name: "Show earlier messages" });
    await button.focus();
    await expect
      .poll(() => page.locator(".transcript").evaluate((element) => element.scrollTop), PATIENCE)
      .toBeLessThan(100);
    const placeOf = (): Promise<number | undefined> =>
      page
        .locator('[data-turn="66"]')
        .boundingBox()
        .then((box) => box?.y);
    const before = await placeOf();
    await page.keyboard.press("Enter");
    await page.locator('[data-turn="20"]').waitFor({ state: "attached" });
    await page.locator(".spoken").getByText("50 earlier turns are shown above.").waitFor();
    expect(await placeOf()).toBeCloseTo(before ?? Number.NaN, 0);
    expect(await page.locator(".transcript").getAttribute("data-follows")).toBe("false");
    // Those that are left: the button goes, and the focus stays in the conversation.
    await page.keyboard.press("Enter");
    await page.locator('[data-turn="1"]').waitFor({ state: "attached" });
    await button.waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("log");
    expect(await page.getByText("began this conversation again", { exact: false }).count()).toBe(0);
  });

  test("earlier turns that cannot be had are told of, and asked for again", async () => {
    const { session, edge } = scripted;
    for (let turn = 1; turn <= 10; turn++) session.answer(`Turn ${turn}.`);
    session.shortenSnapshot(5);
    edge.script.history = () => ({ ok: false, error: { code: "forbidden", message: "no", retryable: false } });
    const page = await open();
    const button = page.getByRole("button", { name: "Show earlier messages" });
    await button.click();
    await page.getByRole("alert").getByText("Earlier messages could not be loaded.", { exact: false }).waitFor();
    delete edge.script.history;
    await button.click();
    await page.locator('[data-turn="1"]').waitFor();
  });

  test("on a narrow screen nothing is wider than the screen, whatever an answer holds", async () => {
    everyPart(scripted.session);
    waiting(scripted.session);
    const wide = "wide".repeat(200);
    scripted.session.wait([]);
    scripted.session.part({
      type: "tool",
      call: "w",
      name: wide,
      state: "failed",
      error: wide,
      input: { [wide]: wide },
      output: wide,
    });
    scripted.session.part({ type: "data", name: wide, value: { [wide]: [wide] } });
    scripted.session.part({ type: "source", url: `https://example.com/${wide}`, title: wide });
    scripted.session.part({ type: "file", blob: "w", mediaType: wide, name: wide, bytes: 1 });
    scripted.session.part({ type: "child", session: "w", agent: wide, state: "running", text: wide });
    scripted.session.delta(
      `${wide}\n\n# ${wide}\n\n- ${wide}\n\n> ${wide}\n\n\`${wide}\` [${wide}](https://example.com/${wide})\n\n|${`${wide}|`.repeat(5)}\n|${"-|".repeat(5)}\n|${`${wide}|`.repeat(5)}\n\n\`\`\`\n${wide}\n\`\`\``,
    );
    const page = await open({ viewport: { width: 320, height: 568 } });
    await page.locator('[data-turn="2"] pre').waitFor();
    for (const summary of await page.locator(".part summary").all()) await summary.click();
    const content = await page.evaluate(() => ({
      page: document.documentElement.scrollWidth,
      transcript: document.querySelector(".transcript")?.scrollWidth,
    }));
    expect(content).toEqual({ page: 320, transcript: expect.any(Number) });
    expect(content.transcript).toBeLessThanOrEqual(320);
  });
});

async function refuseClipboard(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.defineProperty(navigator.clipboard, "writeText", { value: () => Promise.reject(new Error("not allowed")) });
  });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate<AxeResults>("axe.run()");
  return results.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((node) => node.html).join(" ")})`);
}
