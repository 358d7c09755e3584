import { execFile } from "node:child_process";
import type { Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { closeServer, listen } from "@holdfast/service/operations";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { webConfig } from "../../apps/web/src/server/config.ts";
import { webApp } from "../../apps/web/src/server/web.ts";
import { ScriptedEdge } from "../../packages/client/test/scripted-edge.ts";
import type { ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import { ChatPage } from "./chat-page.ts";
import { launchChromium } from "./chromium.ts";

const WEB = fileURLToPath(new URL("../../apps/web", import.meta.url));
const VITE = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));

/**
 * The page as it is deployed (a production build behind its own server) at an edge that speaks SPEC and says what the test
 * tells it to. For what a real model cannot be made to do at a given moment: be this fast, this slow, or end like that.
 */
export class ScriptedStage {
  readonly edge: ScriptedEdge;
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #folder: string;
  readonly #url: string;
  readonly #pages: ChatPage[] = [];

  private constructor(edge: ScriptedEdge, browser: Browser, server: Server, folder: string, url: string) {
    this.edge = edge;
    this.#browser = browser;
    this.#server = server;
    this.#folder = folder;
    this.#url = url;
  }

  static async open(executable: string): Promise<ScriptedStage> {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-page-"));
    await promisify(execFile)(process.execPath, [VITE, "build", "--outDir", folder, "--emptyOutDir"], {
      cwd: WEB,
      env: { ...process.env, NODE_ENV: "production" },
    });
    const edge = await ScriptedEdge.start();
    const config = webConfig({
      HOLDFAST_EDGE_URLS: edge.url,
      HOLDFAST_DEV_TOKENS: "true",
      HOLDFAST_JWT_SECRET: "a secret of the tests, thirty-two bytes or more",
    });
    const server = await listen(webApp(config, folder), "127.0.0.1", 0);
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the page's server has no port");
    const browser = await launchChromium(executable);
    return new ScriptedStage(edge, browser, server, folder, `http://127.0.0.1:${address.port}`);
  }

  /** The session everybody begins with. */
  get session(): ScriptedSession {
    return this.edge.world.session("main");
  }

  context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.#browser.newContext({ baseURL: this.#url, ...options });
  }

  async tab(context?: BrowserContext, path = "/"): Promise<ChatPage> {
    const page = await (await (context ?? this.context())).newPage();
    const chat = new ChatPage(page);
    this.#pages.push(chat);
    await page.goto(path);
    return chat;
  }

  /** A tab of somebody signed in, in a conversation that has this many turns, each longer than a window. */
  async reader(options: { turns?: number; context?: BrowserContextOptions } = {}): Promise<ChatPage> {
    for (let turn = 1; turn <= (options.turns ?? 0); turn++) this.session.answer(longText(`Turn ${turn}`, 60));
    const chat = await this.tab(await this.context(options.context));
    await chat.signIn();
    return chat;
  }

  /** Closes all tabs and forgets all sessions. Fails the test that has just run if a tab met an uncaught error. */
  async endTest(): Promise<void> {
    const problems = this.#pages.flatMap((chat) => chat.problems);
    this.#pages.length = 0;
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    this.edge.reset();
    if (problems.length > 0) throw new Error(`the page has problems:\n${problems.join("\n")}`);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.edge.stop();
    await closeServer(this.#server);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Paragraphs, each of which begins with the same words and its number. */
export function longText(words: string, paragraphs: number): string {
  return Array.from({ length: paragraphs }, (_, i) => `${words}, paragraph ${i + 1}.`).join("\n\n");
}
