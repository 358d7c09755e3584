import { expect, test } from "vitest";
import { PATIENCE } from "./chat-page.ts";
import { LONG, scripted } from "./script.ts";
import type { PageFixture } from "./page-fixture.ts";

/** Breaking: what the page shows while something beneath it dies. Last, since it shakes the stack. */
export function breakage(fixture: () => PageFixture): void {
  test("chain-1: an edge killed in mid-stream costs no text, and the page says where it is connected", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const edge = await chat.edge();
    const { text, answer } = scripted("Whatever happens", LONG);
    await chat.say(text);
    await chat.streaming(1);
    await fixture().stack.kill(edge);
    await expect.poll(() => chat.edge(), PATIENCE).not.toBe(edge);
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
    await fixture().stack.whenReady(edge);
  });

  test("on a phone the drawer leaves the conversation in sight, and marks the edge one is connected to", async () => {
    const context = await fixture().context({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    const chat = await fixture().tab(context);
    await chat.signIn();
    const { text } = scripted("Still here", "tokens=3");
    await chat.say(text);
    await chat.ended(1, "completed");
    await chat.page.getByRole("button", { name: "Break it" }).click();
    const drawer = chat.page.getByRole("complementary", { name: "Break it" });
    const edge = await chat.page.locator("[data-connection] .connection-detail").textContent();
    await drawer
      .locator(`[data-child="${edge?.replace(/^to /, "")}"]`)
      .getByText("you are connected to it")
      .waitFor();
    const below = (await drawer.boundingBox())?.y ?? 0;
    expect(below).toBeGreaterThan(740 / 2);
    const answer = await chat.answer(1).boundingBox();
    expect((answer?.y ?? Infinity) + (answer?.height ?? 0)).toBeLessThan(below);
    expect(await chat.scrollsSideways()).toBe(false);
  });

  test("a message written while no edge is there is kept and answered", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    await Promise.all([fixture().stack.kill("edge-1"), fixture().stack.kill("edge-2")]);
    const { text, answer } = scripted("Into the void", "tokens=3");
    await chat.say(text);
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
  });

  test("open-6: while the log is out of reach the page says so, and what is sent is durable all the same", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    await fixture().stack.pause("valkey");
    await chat.page.getByText("Delayed").waitFor();
    const { text, answer } = scripted("Said meanwhile", "tokens=3");
    await chat.say(text);
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["durable"]);
    await fixture().stack.resume("valkey");
    await chat.connected();
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
  });

  test.for(["inference", "valkey"])("the drawer kills %s in mid-sentence and reports the recovery", async (child) => {
    const chat = await fixture().tab();
    await chat.signIn();
    const { text, answer } = scripted("Hold fast", LONG);
    await chat.page.getByRole("button", { name: "Break it" }).click();
    const drawer = chat.page.getByRole("complementary", { name: "Break it" });
    await drawer.getByRole("button", { name: `Kill ${child}` }).waitFor();
    await chat.say(text);
    await chat.streaming(1);
    await drawer.getByRole("button", { name: `Kill ${child}` }).click();
    await drawer.getByText("in mid-sentence", { exact: false }).last().waitFor();
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
    await drawer.getByText("running again after").waitFor();
    // The report stands where one looks, in a window of an ordinary size.
    const report = await drawer.getByText("running again after").boundingBox();
    expect((report?.y ?? Infinity) + (report?.height ?? 0)).toBeLessThan(800);
    await fixture().stack.whenReady(child);
  });
}
