import { startModelServer, type ModelServer } from "@holdfast/model-server";
import { startStack, type Stack } from "@holdfast/stack/stack";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { ChatPage } from "./chat-page.ts";
import { launchChromium } from "./chromium.ts";

/** A whole Holdfast with its page, a model server whose answers are known, and a browser. */
export class Stage {
  readonly stack: Stack;
  readonly model: ModelServer;
  readonly #browser: Browser;
  readonly #url: string;
  readonly #pages: ChatPage[] = [];

  private constructor(stack: Stack, model: ModelServer, browser: Browser, url: string) {
    this.stack = stack;
    this.model = model;
    this.#browser = browser;
    this.#url = url;
  }

  static async open(executable: string): Promise<Stage> {
    const model = await startModelServer();
    const stack = await startStack({
      web: true,
      env: {
        inference: { HOLDFAST_MODEL_URL: model.url, HOLDFAST_MODEL_KEY: "none", HOLDFAST_MODEL_NAME: "scripted" },
      },
    });
    if (stack.webUrl === undefined) throw new Error("the stack has no web app");
    return new Stage(stack, model, await launchChromium(executable), stack.webUrl);
  }

  /** A browser profile of its own: nothing is shared with other contexts. */
  context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.#browser.newContext({ baseURL: this.#url, ...options });
  }

  /** A tab, in a profile of its own unless one is given. */
  async tab(context?: BrowserContext): Promise<ChatPage> {
    const page = await (await (context ?? this.context())).newPage();
    const chat = new ChatPage(page);
    this.#pages.push(chat);
    await page.goto("/");
    return chat;
  }

  /**
   * Closes all tabs. Fails the test that has just run if one of them met an uncaught error or a breach of the page's
   * security policy.
   */
  async endTest(): Promise<void> {
    const problems = this.#pages.flatMap((chat) => chat.problems);
    this.#pages.length = 0;
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    if (problems.length > 0) throw new Error(`the page has problems:\n${problems.join("\n")}`);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.stack.stop();
    await this.model.stop();
  }
}
