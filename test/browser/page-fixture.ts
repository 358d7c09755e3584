import type { ModelServer } from "@holdfast/model-server";
import type { Stack } from "@holdfast/stack/stack";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { startFixture } from "../kit/fixture.ts";
import { ChatPage } from "./chat-page.ts";
import { launchChromium } from "./chromium.ts";

/** A browser with tabs that show the page. */
export abstract class Tabs {
  readonly #browser: Browser;
  readonly #url: string;
  readonly #pages: ChatPage[] = [];

  constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
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
  }
}

/** A whole Holdfast with its page, a model server whose answers are known, and a browser. */
export class PageFixture extends Tabs {
  readonly stack: Stack;
  readonly model: ModelServer;
  readonly #close: () => Promise<void>;

  private constructor(
    { stack, model, close }: Awaited<ReturnType<typeof startFixture>>,
    browser: Browser,
    url: string,
  ) {
    super(browser, url);
    this.stack = stack;
    this.model = model;
    this.#close = close;
  }

  static async open(executable: string): Promise<PageFixture> {
    const fixture = await startFixture({ web: true });
    const { webUrl } = fixture.stack;
    if (webUrl === undefined) throw new Error("the stack has no web app");
    return new PageFixture(fixture, await launchChromium(executable), webUrl);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#close();
  }
}
