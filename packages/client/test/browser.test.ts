import { wireError } from "@holdfast/contract";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium, launchChromium } from "../../../test/browser/chromium.ts";
import { eventually, startEdge } from "./harness.ts";
import type {} from "./page/handle.ts";
import { servePage, type PageServer } from "./page-server.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";

const executable = await findChromium();

describe.skipIf(executable === undefined)("in a browser (needs a Chromium: HOLDFAST_CHROMIUM or one on PATH)", () => {
  let browser: Browser;
  let server: PageServer;

  beforeAll(async () => {
    [browser, server] = await Promise.all([launchChromium(executable ?? ""), servePage()]);
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  /** One user's browser: its tabs share storage. */
  async function newContext(): Promise<BrowserContext> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    return context;
  }

  async function openTab(
    context: BrowserContext,
    edge: ScriptedEdge,
    query: Record<string, string> = {},
  ): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${server.url}?${new URLSearchParams({ edge: edge.url, scope: "ann", ...query }).toString()}`);
    return page;
  }

  const texts = (edge: ScriptedEdge): string[] =>
    edge.world.session("chat").taken.map(({ event }) => (event.kind === "input" ? event.text : event.name));

  /** Sends something the edge takes and never answers, and waits until the browser has it stored. */
  async function sendUnanswered(page: Page, edge: ScriptedEdge, text: string): Promise<void> {
    edge.script.send = (_request, proceed) => {
      proceed();
      return "silence";
    };
    await page.evaluate((typed) => handle.send(typed), text);
    await eventually(() => expect(texts(edge)).toContain(text));
    await expect.poll(() => page.evaluate(() => handle.stored()), { timeout: 20_000 }).toBe(1);
  }

  test("send-4, send-7: what was not durable survives a reload and is sent under its own producer and number", async () => {
    const edge = await startEdge();
    const page = await openTab(await newContext(), edge);
    await sendUnanswered(page, edge, "typed before the reload");
    const before = edge.sends.at(-1);
    await page.reload();
    delete edge.script.send;
    await page.evaluate(() => handle.open());
    await expect
      .poll(() => page.evaluate(() => handle.pending()), { timeout: 20_000 })
      .toEqual(["typed before the reload durable"]);
    expect(edge.sends.at(-1)).toEqual(before);
    expect(texts(edge)).toEqual(["typed before the reload"]);
    await expect.poll(() => page.evaluate(() => handle.stored()), { timeout: 20_000 }).toBe(0);
  });

  test("send-4: two tabs never share a producer, and one adopts what a closed one left", async () => {
    const edge = await startEdge();
    const context = await newContext();
    const [first, second] = [await openTab(context, edge), await openTab(context, edge)];
    await sendUnanswered(first, edge, "from the first tab");
    const taken = edge.world.session("chat").taken[0];
    edge.script.send = ({ producer }, proceed) => (producer === taken?.producer ? "silence" : proceed());
    await second.evaluate(() => handle.open());
    await second.evaluate(() => handle.send("from the second tab"));
    await eventually(() => expect(texts(edge)).toEqual(["from the first tab", "from the second tab"]));
    const producers = edge.world.session("chat").taken.map(({ producer }) => producer);
    expect(new Set(producers).size).toBe(2);

    await first.close();
    edge.script = {};
    await expect
      .poll(() => second.evaluate(() => handle.pending()), { timeout: 20_000 })
      .toEqual(["from the first tab durable", "from the second tab durable"]);
    expect(edge.world.session("chat").taken).toHaveLength(2);
  });

  test("what one user left is not sent for another one of the same browser", async () => {
    const edge = await startEdge();
    const context = await newContext();
    const ann = await openTab(context, edge);
    await sendUnanswered(ann, edge, "Ann's");
    await ann.close();
    edge.script = {};
    const bob = await openTab(context, edge, { scope: "bob" });
    await bob.evaluate(() => handle.open());
    await bob.evaluate(() => handle.send("Bob's"));
    await expect.poll(() => bob.evaluate(() => handle.pending()), { timeout: 20_000 }).toEqual(["Bob's durable"]);
    expect(new Set(edge.sends.map((request) => request.producer)).size).toBe(2);
  });

  test("connect-6: when the network is back the client does not wait out its delay", async () => {
    const edge = await startEdge();
    edge.script.connect = () => wireError("draining");
    const page = await openTab(await newContext(), edge, { backoff: "600000" });
    await page.evaluate(() => handle.open());
    await expect.poll(() => page.evaluate(() => handle.connection()), { timeout: 20_000 }).toBe("waiting");
    delete edge.script.connect;
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await expect.poll(() => page.evaluate(() => handle.connection()), { timeout: 20_000 }).toBe("connected");
  });

  test("req-3: a page that wakes up keeps a connection that answers", async () => {
    const edge = await startEdge();
    const page = await openTab(await newContext(), edge);
    await page.evaluate(() => handle.open());
    await expect.poll(() => page.evaluate(() => handle.connection()), { timeout: 20_000 }).toBe("connected");
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await eventually(() => expect(edge.closes).toHaveLength(1));
    await page.evaluate(() => handle.send("still here"));
    await eventually(() => expect(texts(edge)).toEqual(["still here"]));
    expect(edge.auths).toHaveLength(1);
  });

  test("req-3: a page that wakes up makes a connection anew that died in its sleep", async () => {
    const edge = await startEdge();
    edge.script.close = () => "silence";
    const page = await openTab(await newContext(), edge, { probe: "50" });
    await page.evaluate(() => handle.open());
    await expect.poll(() => page.evaluate(() => handle.connection()), { timeout: 20_000 }).toBe("connected");
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await eventually(() => expect(edge.auths).toHaveLength(2));
  });

  test("useSession opens once under StrictMode, streams, never tears, and closes after the last component", async () => {
    const edge = await startEdge();
    const scripted = edge.world.session("chat");
    const page = await openTab(await newContext(), edge);
    await page.evaluate(() => handle.mount());
    await page.locator("#delivery", { hasText: "live" }).waitFor();
    await page.getByRole("button").click();
    await page.locator('#inputs li[data-status="durable"]', { hasText: "from the button" }).waitFor();

    scripted.startTurn();
    await page.locator("#inputs li:not([data-status])", { hasText: "from the button" }).waitFor();
    for (let i = 0; i < 50; i++) scripted.delta(`${i} `);
    await page.locator("#running", { hasText: "49" }).waitFor();
    scripted.complete("Done.", [{ op: "add", path: "/mood", value: "calm" }]);
    await page.locator("#turns li", { hasText: "Done." }).waitFor();
    expect(await page.locator("#mood").textContent()).toBe("calm");
    expect(await page.locator("#inputs li").count()).toBe(1);
    expect(await page.evaluate(() => handle.torn())).toBe(0);
    expect(edge.opens).toEqual([{ session: "chat", agent: "echo" }]);

    await page.evaluate(() => handle.unmount());
    await eventually(() => expect(edge.closes).toEqual(["chat"]));
  });

  test("history-2: useSession shows older turns in front of those it has", async () => {
    const edge = await startEdge();
    const scripted = edge.world.session("chat");
    for (const text of ["one", "two", "three", "four"]) scripted.answer(text);
    scripted.shortenSnapshot(1);
    const page = await openTab(await newContext(), edge);
    await page.evaluate(() => handle.mount());
    const turns = page.locator("#turns li");
    await expect.poll(() => turns.allTextContents(), { timeout: 20_000 }).toEqual(["four"]);
    expect(await page.evaluate(() => handle.history(2))).toBe(true);
    await expect.poll(() => turns.allTextContents(), { timeout: 20_000 }).toEqual(["two", "three", "four"]);
    expect(await page.evaluate(() => handle.history(2))).toBe(false);
    await expect.poll(() => turns.allTextContents(), { timeout: 20_000 }).toEqual(["one", "two", "three", "four"]);
    expect(await page.evaluate(() => handle.torn())).toBe(0);
  });

  test("however fast frames come, useSession renders once per animation frame at most, and shows the last of them", async () => {
    const edge = await startEdge();
    const scripted = edge.world.session("chat");
    const page = await openTab(await newContext(), edge);
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.evaluate(() => handle.mount());
    await page.locator("#delivery", { hasText: "live" }).waitFor();
    scripted.startTurn();
    for (let burst = 0; burst < 300; burst++) {
      for (let i = 0; i < 10; i++) scripted.delta(`${burst}.${i} `);
      // Each burst in packets of its own, with the page's turn of the processor between them.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await page.locator("#running", { hasText: "299.9" }).waitFor();
    const { commits, frames } = await page.evaluate(() => handle.rendered());
    // One for the mount, and one for a frame that is under way while this is asked.
    expect(commits).toBeLessThanOrEqual(frames + 2);
    expect(await page.evaluate(() => handle.torn())).toBe(0);
    expect(errors).toEqual([]);
  });
});
