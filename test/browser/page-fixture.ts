import { fileURLToPath } from "node:url";
import { closeServer, listen } from "@holdfast/service/operations";
import { startStack, type Stack } from "@holdfast/stack/stack";
import { buildWebApp } from "@holdfast/stack/web-build";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { webConfig } from "../../apps/web/src/server/config.ts";
import { webApp } from "../../apps/web/src/server/web.ts";
import { ScriptedEdge } from "../../packages/client/test/scripted-edge.ts";
import { startFixture, temporaryFolder, withUndo } from "../kit/fixture.ts";
import { ChatPage } from "./chat-page.ts";

/** Where `buildWebApp` leaves the page. */
const BUILT = fileURLToPath(new URL("../../apps/web/dist", import.meta.url));

/** A browser's tabs that show the page at `url`. */
export class Tabs {
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

  /** A tab in a profile of its own, or one more in `context`. */
  async open(options: BrowserContextOptions & { context?: BrowserContext } = {}): Promise<ChatPage> {
    const { context = await this.context(options) } = options;
    const chat = new ChatPage(await context.newPage());
    this.#pages.push(chat);
    await chat.page.goto("/");
    return chat;
  }

  /** The same, signed in: as somebody nobody has been yet, unless `subject` is given. */
  async signedIn({ subject, ...options }: Parameters<Tabs["open"]>[0] & { subject?: string } = {}): Promise<ChatPage> {
    const chat = await this.open(options);
    await chat.signIn(subject);
    return chat;
  }

  /** Closes all tabs. Throws if one of them met an uncaught error or a breach of the page's security policy. */
  async close(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    const problems = this.#pages.splice(0).flatMap((chat) => chat.problems);
    if (problems.length > 0) throw new Error(`The page has problems:\n${problems.join("\n")}`);
  }
}

function urlOf({ webUrl }: Stack): string {
  if (webUrl === undefined) throw new Error("The stack has no web app.");
  return webUrl;
}

/** A whole Holdfast with its page, and a model server whose answers are known. */
export const startPage = () =>
  withUndo(async (undo) => {
    const { stack, model, close } = await startFixture({ web: true });
    undo(close);
    return { stack, model, url: urlOf(stack) };
  });

/** The same with the embedded model. */
export const startEmbedded = () =>
  withUndo(async (undo) => {
    const dir = await temporaryFolder(undo, "concierge");
    const stack = await startStack({ web: true, dir, persist: false });
    undo(() => stack.stop());
    return { url: urlOf(stack) };
  });

/**
 * The page as it is deployed (a production build behind its own server) at an edge that speaks SPEC and says what the test
 * tells it to. For what a real model cannot be made to do at a given moment: be this fast, this slow, or end like that.
 */
export const startScripted = () =>
  withUndo(async (undo) => {
    await buildWebApp(() => undefined);
    const edge = await ScriptedEdge.start();
    undo(() => edge.stop());
    const config = webConfig({
      HOLDFAST_EDGE_URLS: edge.url,
      HOLDFAST_DEV_TOKENS: "true",
      HOLDFAST_JWT_SECRET: "a secret of the tests, thirty-two bytes or more",
    });
    const server = await listen(webApp(config, BUILT), "127.0.0.1", 0);
    undo(() => closeServer(server));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The page's server has no port.");
    return { edge, url: `http://127.0.0.1:${address.port}` };
  });
