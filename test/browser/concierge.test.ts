import { startStack, type Stack } from "@holdfast/stack/stack";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { temporaryFolder, withUndo } from "../kit/fixture.ts";
import { findChromium, launchChromium } from "./chromium.ts";
import { Tabs } from "./page-fixture.ts";

const executable = await findChromium();

/** A stack with the embedded model: only that one tells the concierge what it reads in a message. */
class ConciergeFixture extends Tabs {
  readonly #close: () => Promise<void>;

  private constructor(browser: Awaited<ReturnType<typeof launchChromium>>, url: string, close: () => Promise<void>) {
    super(browser, url);
    this.#close = close;
  }

  static async open(path: string): Promise<ConciergeFixture> {
    const { stack, close } = await withUndo(async (undo): Promise<{ stack: Stack }> => {
      const dir = await temporaryFolder(undo, "concierge");
      const started = await startStack({ web: true, dir, persist: false });
      undo(() => started.stop());
      return { stack: started };
    });
    if (stack.webUrl === undefined) throw new Error("the stack has no web app");
    return new ConciergeFixture(await launchChromium(path), stack.webUrl, close);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#close();
  }
}

describe.skipIf(executable === undefined)("the concierge's panel, in Chromium", () => {
  let tabs: ConciergeFixture;
  beforeAll(async () => {
    tabs = await ConciergeFixture.open(executable ?? "");
  });
  afterEach(() => tabs.endTest());
  afterAll(() => tabs.close());

  test("the agent's state is shown as its patches arrive, and what is observed is counted", async () => {
    const chat = await tabs.tab();
    await chat.signIn();
    await chat.say("I love the wonderful museums of Paris.");
    await chat.ended(1, "completed");
    const panel = chat.page.getByRole("complementary", { name: "Agent" });
    await panel.getByText("pleased").waitFor();
    await panel
      .getByRole("button", { name: /^paris/i })
      .first()
      .click();
    await panel.locator('[data-observed="entity.clicked"], [data-observed="topic.clicked"]').getByText("×1").waitFor();
    await panel.getByRole("button", { name: "That helped" }).click();
    await panel.getByRole("button", { name: "That helped" }).click();
    await panel.locator('[data-observed="feedback.helpful"]').getByText("×2").waitFor();
  });
});
