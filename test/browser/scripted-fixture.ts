import { execFile } from "node:child_process";
import type { Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { closeServer, listen } from "@holdfast/service/operations";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { webConfig } from "../../apps/web/src/server/config.ts";
import { webApp } from "../../apps/web/src/server/web.ts";
import { ScriptedEdge } from "../../packages/client/test/scripted-edge.ts";
import { SUBJECT, type ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import type { ChatPage } from "./chat-page.ts";
import { launchChromium } from "./chromium.ts";
import { Tabs } from "./page-fixture.ts";

const WEB = fileURLToPath(new URL("../../apps/web", import.meta.url));
const VITE = fileURLToPath(new URL("../../node_modules/vite/bin/vite.js", import.meta.url));

/**
 * The page as it is deployed (a production build behind its own server) at an edge that speaks SPEC and says what the test
 * tells it to. For what a real model cannot be made to do at a given moment: be this fast, this slow, or end like that.
 */
export class ScriptedFixture extends Tabs {
  readonly edge: ScriptedEdge;
  readonly #server: Server;
  readonly #folder: string;

  private constructor(edge: ScriptedEdge, browser: Browser, server: Server, folder: string, url: string) {
    super(browser, url);
    this.edge = edge;
    this.#server = server;
    this.#folder = folder;
  }

  static async open(executable: string): Promise<ScriptedFixture> {
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
    return new ScriptedFixture(edge, browser, server, folder, `http://127.0.0.1:${address.port}`);
  }

  /** The session everybody begins with. */
  get session(): ScriptedSession {
    return this.edge.world.session("main");
  }

  /** A tab of whoever says what is said in scripted sessions, in a conversation that has this many turns, each longer than a window. */
  async reader(options: { turns?: number; context?: BrowserContextOptions } = {}): Promise<ChatPage> {
    for (let turn = 1; turn <= (options.turns ?? 0); turn++) this.session.answer(longText(`Turn ${turn}`, 60));
    const chat = await this.tab(await this.context(options.context));
    await chat.signIn(SUBJECT);
    return chat;
  }

  /** Forgets all sessions, too. */
  override async endTest(): Promise<void> {
    await super.endTest().finally(() => this.edge.reset());
  }

  override async close(): Promise<void> {
    await super.close();
    await this.edge.stop();
    await closeServer(this.#server);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Paragraphs, each of which begins with the same words and its number. */
export function longText(words: string, paragraphs: number): string {
  return Array.from({ length: paragraphs }, (_, i) => `${words}, paragraph ${i + 1}.`).join("\n\n");
}
