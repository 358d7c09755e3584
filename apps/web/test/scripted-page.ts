import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { closeServer, listen } from "@holdfast/service/operations";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { launchChromium } from "../../../test/browser/chromium.ts";
import { ScriptedEdge } from "../../../packages/client/test/scripted-edge.ts";
import type { ScriptedSession } from "../../../packages/client/test/scripted-session.ts";
import { webConfig } from "../src/server/config.ts";
import { webApp } from "../src/server/web.ts";

/** The page as it is deployed, at an edge whose session says what the test tells it to. */
export class ScriptedPage {
  readonly edge: ScriptedEdge;
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #folder: string;
  readonly #url: string;

  private constructor(edge: ScriptedEdge, browser: Browser, server: Server, folder: string, url: string) {
    this.edge = edge;
    this.#browser = browser;
    this.#server = server;
    this.#folder = folder;
    this.#url = url;
  }

  static async open(executable: string): Promise<ScriptedPage> {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-parts-"));
    await build({
      root: fileURLToPath(new URL("..", import.meta.url)),
      mode: "production",
      logLevel: "silent",
      build: { outDir: folder, emptyOutDir: true },
    });
    const edge = await ScriptedEdge.start();
    const config = webConfig({
      HOLDFAST_EDGE_URLS: edge.url,
      HOLDFAST_DEV_TOKENS: "true",
      HOLDFAST_JWT_SECRET: "a secret of the tests, thirty-two bytes or more",
    });
    const server = await listen(webApp(config, folder), "127.0.0.1", 0);
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The page's server has no port.");
    return new ScriptedPage(edge, await launchChromium(executable), server, folder, `http://127.0.0.1:${address.port}`);
  }

  get session(): ScriptedSession {
    return this.edge.world.session("main");
  }

  /** A tab of somebody signed in. `problems`: uncaught errors and breaches of the security policy, as they happen. */
  async tab(
    options: BrowserContextOptions = {},
    subject = `guest-${randomUUID()}`,
  ): Promise<{ page: Page; problems: string[] }> {
    const context = await this.#browser.newContext({ baseURL: this.#url, ...options });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|Warning:|unique "key"/.test(message.text())) problems.push(message.text());
    });
    await page.goto("/");
    await page.getByLabel("Your name").fill(subject);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator('[data-connection="connected"][data-health="good"]').waitFor();
    return { page, problems };
  }

  /** Closes all tabs and forgets all sessions. */
  async reset(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    this.edge.reset();
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.edge.stop();
    await closeServer(this.#server);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
