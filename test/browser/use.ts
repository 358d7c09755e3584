import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { ENDLESS, scripted } from "./script.ts";
import type { PageFixture } from "./page-fixture.ts";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Using: by phone, by keyboard, by screen reader, in the dark. */
export function use(fixture: () => PageFixture): void {
  test("on a phone nothing is wider than the screen", async () => {
    const chat = await fixture().tab(await fixture().context(PHONE));
    expect(await chat.scrollsSideways()).toBe(false);
    await chat.signIn();
    await chat.say(`${"unbroken".repeat(80)} and I love Paris`);
    await chat.ended(1, "completed");
    expect(await chat.scrollsSideways()).toBe(false);
    for (const panel of ["Conversations", "Agent", "Break it"]) {
      await chat.page.getByRole("button", { name: panel, exact: true }).click();
      await chat.page.getByRole("button", { name: `Close ${panel}` }).waitFor();
      expect(await chat.scrollsSideways()).toBe(false);
      await chat.page.getByRole("button", { name: `Close ${panel}` }).click();
    }
  });

  test("ids-1: a name the contract does not allow does not sign in, and the page says why", async () => {
    const { page } = await fixture().tab();
    const name = page.getByLabel("Your name");
    await name.fill("two words");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("without spaces").waitFor();
    expect(await name.evaluate((field) => field === document.activeElement)).toBe(true);
    await name.fill("one-word");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await name.waitFor();
  });

  test("by keyboard alone: sign in, send, stop, rename a session", async () => {
    const chat = await fixture().tab();
    const { keyboard } = chat.page;
    await chat.tabTo("Your name");
    await keyboard.press("ControlOrMeta+A");
    await keyboard.type("kay");
    await keyboard.press("Enter");
    await chat.connected();
    await chat.tabTo("Message");
    await keyboard.type(scripted("Go on", ENDLESS).text);
    await keyboard.press("Enter");
    await chat.streaming(1);
    await keyboard.press("Escape");
    await chat.ended(1, "interrupted");
    await chat.tabTo("Rename “Go on faults:tokens=4000,slow=25ms”");
    await keyboard.press("Enter");
    await keyboard.type("By hand");
    await keyboard.press("Enter");
    await chat.page.getByRole("heading", { name: "By hand" }).waitFor();
  });

  test("the keyboard is trapped nowhere", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const seen = new Set<string>();
    for (let press = 0; press < 100; press++) {
      await chat.page.keyboard.press("Tab");
      const at = await chat.page.evaluate(() => {
        const element = document.activeElement;
        return element === null || element === document.body ? "" : element.outerHTML;
      });
      // Past the last element the focus leaves the page: that is the way out.
      if (at === "" && seen.size > 5) return;
      seen.add(at);
    }
    expect.unreachable(`the focus never left the page; it went over ${[...seen].join("\n")}`);
  });

  test.for(["light", "dark"] as const)("no accessibility rule is broken (axe), %s", async (colorScheme) => {
    const chat = await fixture().tab(await fixture().context({ colorScheme, reducedMotion: "reduce" }));
    await chat.page.getByRole("heading", { name: "Holdfast" }).waitFor();
    expect(await violations(chat)).toEqual([]);
    await chat.signIn();
    await chat.say("I hate the awful weather in London.");
    await chat.ended(1, "completed");
    await chat.page.getByRole("button", { name: "Break it" }).click();
    await chat.page.getByRole("button", { name: "Kill valkey" }).waitFor();
    expect(await violations(chat)).toEqual([]);
    await chat.say(scripted("On and on", ENDLESS).text);
    await chat.streaming(2);
    expect(await violations(chat)).toEqual([]);
    await chat.page.keyboard.press("Escape");
    await chat.ended(2, "interrupted");
    expect(await violations(chat)).toEqual([]);
    // Last: without an answer it stands before what is said next, and the model server would fail that as well.
    await chat.say(scripted("Fail", "401x*").text);
    await chat.ended(3, "failed");
    expect(await violations(chat)).toEqual([]);
    await chat.page.goto("/#/");
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
    await chat.page.getByText("Talk to another agent").click();
    expect(await violations(chat)).toEqual([]);
    await chat.page.getByRole("button", { name: /^Remove/ }).click();
    await chat.page.getByRole("button", { name: "Undo" }).waitFor();
    expect(await violations(chat)).toEqual([]);
    await chat.page.goto("/#/%E0");
    await chat.page.getByRole("alert").getByText("names no conversation", { exact: false }).waitFor();
    expect(await violations(chat)).toEqual([]);
    await chat.page.goto("/#/other?agent=echo");
    await chat.page.getByRole("button", { name: "Agent", exact: true }).click();
    await chat.page.getByText("This agent has published nothing yet.").waitFor();
    expect(await violations(chat)).toEqual([]);
    await chat.page.goto("/#/another?agent=nobody");
    await chat.page.getByText("There is no such agent here.").waitFor();
    expect(await violations(chat)).toEqual([]);
  });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(chat: ChatPage): Promise<string[]> {
  await chat.page.evaluate(AXE);
  const results = await chat.page.evaluate<AxeResults>("axe.run()");
  return results.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((node) => node.html).join(" ")})`);
}
