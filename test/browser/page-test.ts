import type { BrowserContextOptions } from "playwright-core";
import { test } from "vitest";
import { SUBJECT } from "../../packages/client/test/scripted-session.ts";
import { withUndo } from "../kit/fixture.ts";
import { findChromium, launchChromium } from "./chromium.ts";
import { startEmbedded, startPage, startScripted, Tabs } from "./page-fixture.ts";

export { expect } from "vitest";

const executable = await findChromium();
const isMissing = executable === undefined;
if (isMissing) {
  console.warn("No Chromium was found, so the page is not tested: install one, or name it by HOLDFAST_CHROMIUM.");
}

/** Tests in Chromium of a page that is served once for all tests of a file. Each has browser profiles of its own. */
function pageTest<T extends { url: string; close: () => Promise<void> }>(serve: () => Promise<T>) {
  return (
    test
      // Vitest wants every fixture to take another one.
      .extend("executable", { scope: "file" }, executable ?? "")
      .extend("site", { scope: "file" }, async ({ executable: path }, { onCleanup }) => {
        const { close, ...site } = await withUndo(async (undo) => {
          const browser = await launchChromium(path);
          undo(() => browser.close());
          const served = await serve();
          undo(served.close);
          return { browser, served };
        });
        onCleanup(close);
        return site;
      })
      .extend("tabs", async ({ site: { browser, served } }, { onCleanup }) => {
        const tabs = new Tabs(browser, served.url);
        onCleanup(() => tabs.close());
        return tabs;
      })
  );
}

/** At a whole Holdfast. */
export const stackTest = pageTest(startPage)
  .extend("stack", ({ site }) => site.served.stack)
  .extend("model", ({ site }) => site.served.model)
  .skipIf(isMissing);

/** At a whole Holdfast with the embedded model. */
export const embeddedTest = pageTest(startEmbedded).skipIf(isMissing);

/** At an edge where nothing was ever said. */
export const scriptedTest = pageTest(startScripted)
  .extend("edge", ({ site }) => {
    const { edge } = site.served;
    edge.reset();
    return edge;
  })
  // The session everybody begins with.
  .extend("session", ({ edge }) => edge.world.session("main"))
  // A tab of whoever says what is said in scripted sessions, in a conversation of so many turns, each longer than a window.
  .extend("reader", ({ tabs, session }) => async (options: BrowserContextOptions & { turns?: number } = {}) => {
    const { turns = 0, ...context } = options;
    for (let turn = 1; turn <= turns; turn++) session.answer(longText(`Turn ${turn}`, 60));
    return tabs.signedIn({ ...context, subject: SUBJECT });
  })
  // A reader who has said something that the edge has.
  .extend("asked", ({ reader, session }) => async (text?: string) => {
    const chat = await reader();
    await chat.ask(session, text);
    return chat;
  })
  .skipIf(isMissing);

/** Paragraphs, each of which begins with the same words and its number. */
export function longText(words: string, paragraphs: number): string {
  return Array.from({ length: paragraphs }, (_, i) => `${words}, paragraph ${i + 1}.`).join("\n\n");
}
