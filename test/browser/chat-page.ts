import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Locator, Page } from "playwright-core";
import type { ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import { until } from "../kit/wait.ts";

/** A busy machine may take long; a condition that is met ends the wait at once. */
export const PATIENCE = { timeout: 60_000 };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** One tab with the page in it, as a person would use it: by labels and roles. */
export class ChatPage {
  readonly page: Page;
  /** Uncaught errors and breaches of the security policy, as they happened. */
  readonly problems: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE.timeout);
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|Warning:|unique "key"/.test(message.text())) this.problems.push(message.text());
    });
  }

  async signIn(subject = `guest-${randomUUID()}`): Promise<void> {
    await this.page.getByLabel("Your name").fill(subject);
    await this.button("Sign in").click();
    await this.connected();
  }

  async connected(): Promise<void> {
    await this.page.locator('[data-connection="connected"][data-health="good"]').waitFor();
  }

  /** Name of the edge this tab is connected to. */
  async edge(): Promise<string> {
    const detail = await this.page.locator('[data-connection="connected"] .connection-detail').innerText();
    return detail.replace(/^to /, "");
  }

  get message(): Locator {
    return this.page.getByRole("textbox", { name: "Message", exact: true });
  }

  async say(text: string): Promise<void> {
    await this.message.fill(text);
    await this.message.press("Enter");
  }

  /** Says it, and waits until a scripted session has it. */
  async ask(session: ScriptedSession, text = "Go"): Promise<void> {
    const before = session.taken.length;
    await this.say(text);
    await until("the session has what was said", () => session.taken.length === before + 1, PATIENCE.timeout);
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  turn(number: number): Locator {
    return this.page.locator(`[data-turn="${number}"]`);
  }

  answer(turn: number): Locator {
    return this.turn(turn).locator(".message-agent .bubble");
  }

  /** Waits until the turn's answer has begun to stream, and has not ended. */
  async streaming(turn: number): Promise<void> {
    await this.page
      .locator(`[data-turn="${turn}"][data-outcome="running"] .message-agent .bubble:not(.thinking)`)
      .waitFor();
  }

  async ended(turn: number, outcome: "completed" | "interrupted" | "failed"): Promise<void> {
    await this.page.locator(`[data-turn="${turn}"][data-outcome="${outcome}"]`).waitFor();
  }

  /** Status marks of the messages in sight, in order. */
  async statuses(): Promise<(string | null)[]> {
    const marks = await this.page.locator("[data-status]").all();
    return Promise.all(marks.map((mark) => mark.getAttribute("data-status")));
  }

  /** Presses Tab until the element labelled `name` has the focus. */
  async tabTo(name: string): Promise<void> {
    for (let press = 0; press < 60; press++) {
      if ((await this.#focused()) === name) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Nothing labelled ${name} can be reached by Tab.`);
  }

  #focused(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return "";
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : undefined;
      return element.getAttribute("aria-label") ?? label ?? element.innerText;
    });
  }

  /** Whether the page is wider than its window. */
  async scrollsSideways(): Promise<boolean> {
    return this.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  }

  /** Rules of accessibility the page breaks as it is now. */
  async violations(): Promise<string[]> {
    if (!(await this.page.evaluate("'axe' in window"))) await this.page.evaluate(AXE);
    const results = await this.page.evaluate<AxeResults>("axe.run()");
    return results.violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((node) => node.html).join(" ")})`);
  }
}
