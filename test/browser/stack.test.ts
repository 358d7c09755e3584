import { answerTokens, parseScript } from "@holdfast/model-server";
import { describe } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { expect, stackTest as test } from "./page-test.ts";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Model server's directives for an answer of some seconds, for what is to happen in the middle of it. */
const LONG = "tokens=250,slow=25ms";
/** For an answer nobody waits for the end of. */
const ENDLESS = "tokens=4000,slow=25ms";
const SHORT = "tokens=3";

/** Says what the model server answers as `directives` tell it. Resolves to that answer, to the letter. */
async function say(chat: ChatPage, words: string, directives: string): Promise<string> {
  const text = `${words} faults:${directives}`;
  await chat.say(text);
  return answerTokens(text, parseScript(directives)).join("");
}

async function answered(chat: ChatPage, turn: number, answer: string): Promise<void> {
  await chat.ended(turn, "completed");
  expect(await chat.answer(turn).textContent()).toBe(answer);
}

const onEdges = (act: (name: string) => Promise<void>) => Promise.all(["edge-1", "edge-2"].map((name) => act(name)));

async function openDrawer(chat: ChatPage) {
  await chat.button("Break it").click();
  return chat.page.getByRole("complementary", { name: "Break it" });
}

describe("what is said and answered arrives, whole and once, wherever it is looked at", () => {
  test("ack-1, ack-2: a message is shown sending, then durable, then applied", async ({ stack, tabs }) => {
    const chat = await tabs.signedIn();
    await onEdges((edge) => stack.pause(edge));
    await say(chat, "First", ENDLESS);
    await say(chat, "Second", SHORT);
    await expect.poll(() => chat.statuses()).toEqual(["sending", "sending"]);
    await onEdges((edge) => stack.resume(edge));
    await expect.poll(() => chat.statuses()).toEqual(["applied", "durable"]);
    await chat.page.keyboard.press("Escape");
    await chat.ended(2, "completed");
    expect(await chat.statuses()).toEqual(["applied", "applied"]);
  });

  test("two tabs are in step, also in their list of sessions", async ({ tabs }) => {
    const context = await tabs.context();
    const one = await tabs.signedIn({ context });
    const two = await tabs.open({ context });
    await two.page.getByText("Say something to begin.").waitFor();
    await two.connected();
    const answer = await say(one, "Both of you", LONG);
    await two.streaming(1);
    await answered(two, 1, answer);
    await answered(one, 1, answer);
    await two.page.getByRole("button", { name: /^Rename/ }).click();
    await two.page.getByRole("textbox", { name: /^New name/ }).fill("Renamed elsewhere");
    await two.page.keyboard.press("Enter");
    await one.page.getByRole("heading", { name: "Renamed elsewhere" }).waitFor();
  });

  test("a message gets a streamed answer; a reload in mid-stream goes on where the stream is", async ({ tabs }) => {
    const chat = await tabs.signedIn();
    const answer = await say(chat, "A long one", LONG);
    await chat.streaming(1);
    expect(answer.startsWith(await chat.answer(1).innerText())).toBe(true);
    await chat.page.reload();
    await chat.streaming(1);
    expect(answer.startsWith(await chat.answer(1).innerText())).toBe(true);
    await answered(chat, 1, answer);
    await expect.poll(() => chat.statuses()).toEqual(["applied"]);
  });

  test("send-7: what was not sent yet survives a reload and is answered once", async ({ stack, tabs }) => {
    const chat = await tabs.signedIn();
    await onEdges((edge) => stack.pause(edge));
    const answer = await say(chat, "Kept in the browser", SHORT);
    await expect.poll(() => chat.statuses()).toEqual(["sending"]);
    await chat.page.reload();
    await expect.poll(() => chat.statuses()).toEqual(["sending"]);
    await onEdges((edge) => stack.resume(edge));
    await answered(chat, 1, answer);
    await answered(chat, 2, await say(chat, "And another", SHORT));
  });

  test("command-2: the stop button ends the answer and keeps what was said", async ({ tabs }) => {
    const chat = await tabs.signedIn();
    const answer = await say(chat, "Never mind", ENDLESS);
    await chat.streaming(1);
    await chat.button("Stop").click();
    await chat.ended(1, "interrupted");
    const kept = (await chat.answer(1).textContent()) ?? "";
    expect(kept).not.toBe("");
    expect(answer.startsWith(kept)).toBe(true);
    expect(await chat.turn(1).innerText()).toContain("You stopped the answer here.");
  });

  test("turn-3, turn-5: a failed turn is shown in words, its code on demand; the session goes on", async ({
    model,
    tabs,
  }) => {
    const chat = await tabs.signedIn();
    model.setDefault("401x*");
    await chat.say("To be refused");
    await chat.ended(1, "failed");
    expect(await chat.turn(1).innerText()).not.toContain("model_refused");
    await chat.turn(1).getByText("Details for whoever runs this service").click();
    expect(await chat.turn(1).innerText()).toContain("model_refused");
    model.setDefault(SHORT);
    await chat.say("Again");
    await chat.ended(2, "completed");
  });

  test("sessions are apart: a new one is empty, the first is still there", async ({ tabs }) => {
    const chat = await tabs.signedIn();
    await chat.say("In the first one");
    await chat.ended(1, "completed");
    await chat.button("New conversation").click();
    await chat.page.getByText("Say something to begin.").waitFor();
    await chat.button("In the first one").click();
    await chat.ended(1, "completed");
    await chat.page.goBack();
    await chat.page.getByText("Say something to begin.").waitFor();
  });
});

describe("it is used by phone, by keyboard, by screen reader, in the dark", () => {
  test("on a phone nothing is wider than the screen", async ({ tabs }) => {
    const chat = await tabs.open({ ...PHONE, viewport: { width: 390, height: 844 } });
    expect(await chat.scrollsSideways()).toBe(false);
    await chat.signIn();
    await chat.say(`${"unbroken".repeat(80)} and I love Paris`);
    await chat.ended(1, "completed");
    expect(await chat.scrollsSideways()).toBe(false);
    for (const panel of ["Conversations", "Agent", "Break it"]) {
      await chat.button(panel).click();
      await chat.button(`Close ${panel}`).waitFor();
      expect(await chat.scrollsSideways()).toBe(false);
      await chat.button(`Close ${panel}`).click();
    }
  });

  test("ids-1: a name the contract does not allow does not sign in, and the page says why", async ({ tabs }) => {
    const chat = await tabs.open();
    const name = chat.page.getByLabel("Your name");
    await name.fill("two words");
    await chat.button("Sign in").click();
    await chat.page.getByText("without spaces").waitFor();
    expect(await name.evaluate((field) => field === document.activeElement)).toBe(true);
    await name.fill("one-word");
    await chat.button("Sign in").click();
    await chat.button("Sign out").click();
    await name.waitFor();
  });

  test("by keyboard alone: sign in, send, stop, rename a session", async ({ tabs }) => {
    const chat = await tabs.open();
    const { keyboard } = chat.page;
    await chat.tabTo("Your name");
    await keyboard.press("ControlOrMeta+A");
    await keyboard.type("kay");
    await keyboard.press("Enter");
    await chat.connected();
    await chat.tabTo("Message");
    await keyboard.type(`Go on faults:${ENDLESS}`);
    await keyboard.press("Enter");
    await chat.streaming(1);
    await keyboard.press("Escape");
    await chat.ended(1, "interrupted");
    await chat.tabTo(`Rename “Go on faults:${ENDLESS}”`);
    await keyboard.press("Enter");
    await keyboard.type("By hand");
    await keyboard.press("Enter");
    await chat.page.getByRole("heading", { name: "By hand" }).waitFor();
  });

  test("the keyboard is trapped nowhere", async ({ tabs }) => {
    const chat = await tabs.signedIn();
    const seen = new Set<string>();
    for (let press = 0; press < 100; press++) {
      await chat.page.keyboard.press("Tab");
      const at = await chat.page.evaluate(() => {
        const element = document.activeElement;
        return element === null || element === document.body ? "" : element.outerHTML;
      });
      // Past the last element the focus leaves the page: that is the way out.
      if (at === "" && seen.size > 5) return;
      seen.add(at);
    }
    expect.unreachable(`the focus never left the page; it went over ${[...seen].join("\n")}`);
  });

  test.for(["light", "dark"] as const)("no accessibility rule is broken (axe), %s", async (colorScheme, { tabs }) => {
    const chat = await tabs.open({ colorScheme, reducedMotion: "reduce" });
    const { page } = chat;
    const nothingIsBroken = async (): Promise<void> => expect(await chat.violations()).toEqual([]);
    await page.getByRole("heading", { name: "Holdfast" }).waitFor();
    await nothingIsBroken();
    await chat.signIn();
    await chat.say("I hate the awful weather in London.");
    await chat.ended(1, "completed");
    await chat.button("Break it").click();
    await chat.button("Kill valkey").waitFor();
    await nothingIsBroken();
    await say(chat, "On and on", ENDLESS);
    await chat.streaming(2);
    await nothingIsBroken();
    await page.keyboard.press("Escape");
    await chat.ended(2, "interrupted");
    await nothingIsBroken();
    // Last: without an answer it stands before what is said next, and the model server would fail that as well.
    await say(chat, "Fail", "401x*");
    await chat.ended(3, "failed");
    await nothingIsBroken();
    await page.goto("/#/");
    await page.getByRole("heading", { name: "Conversations" }).waitFor();
    await page.getByText("Talk to another agent").click();
    await nothingIsBroken();
    await page.getByRole("button", { name: /^Remove/ }).click();
    await chat.button("Undo").waitFor();
    await nothingIsBroken();
    await page.goto("/#/%E0");
    await page.getByRole("alert").getByText("names no conversation").waitFor();
    await nothingIsBroken();
    await page.goto("/#/other?agent=echo");
    await chat.button("Agent").click();
    await page.getByText("This agent has published nothing yet.").waitFor();
    await nothingIsBroken();
    await page.goto("/#/another?agent=nobody");
    await page.getByText("There is no such agent here.").waitFor();
    await nothingIsBroken();
  });
});

// Last, since it shakes the stack.
describe("the page shows what dies beneath it, and nothing is lost", () => {
  test("chain-1: an edge killed in mid-stream costs no text, the page names the next one", async ({ stack, tabs }) => {
    const chat = await tabs.signedIn();
    const edge = await chat.edge();
    const answer = await say(chat, "Whatever happens", LONG);
    await chat.streaming(1);
    await stack.kill(edge);
    await expect.poll(() => chat.edge()).not.toBe(edge);
    await answered(chat, 1, answer);
    await stack.whenReady(edge);
  });

  test("on a phone the drawer leaves the conversation in sight, and marks one's edge", async ({ tabs }) => {
    const chat = await tabs.signedIn(PHONE);
    await say(chat, "Still here", SHORT);
    await chat.ended(1, "completed");
    const drawer = await openDrawer(chat);
    await drawer
      .locator(`[data-child="${await chat.edge()}"]`)
      .getByText("you are connected to it")
      .waitFor();
    const below = (await drawer.boundingBox())?.y ?? 0;
    expect(below).toBeGreaterThan(740 / 2);
    const answer = await chat.answer(1).boundingBox();
    expect((answer?.y ?? Infinity) + (answer?.height ?? 0)).toBeLessThan(below);
    expect(await chat.scrollsSideways()).toBe(false);
  });

  test("a message written while no edge is there is kept and answered", async ({ stack, tabs }) => {
    const chat = await tabs.signedIn();
    await onEdges((edge) => stack.kill(edge));
    await answered(chat, 1, await say(chat, "Into the void", SHORT));
  });

  test("open-6: while the log is out of reach the page says so; what is sent is durable", async ({ stack, tabs }) => {
    const chat = await tabs.signedIn();
    await stack.pause("valkey");
    await chat.page.getByText("Delayed").waitFor();
    const answer = await say(chat, "Said meanwhile", SHORT);
    await expect.poll(() => chat.statuses()).toEqual(["durable"]);
    await stack.resume("valkey");
    await chat.connected();
    await answered(chat, 1, answer);
  });

  test.for(["inference", "valkey"])(
    "the drawer kills %s in mid-sentence and reports the recovery",
    async (child, { stack, tabs }) => {
      const chat = await tabs.signedIn();
      const drawer = await openDrawer(chat);
      await drawer.getByRole("button", { name: `Kill ${child}` }).waitFor();
      const answer = await say(chat, "Hold fast", LONG);
      await chat.streaming(1);
      await drawer.getByRole("button", { name: `Kill ${child}` }).click();
      await drawer.getByText("in mid-sentence").last().waitFor();
      await answered(chat, 1, answer);
      await drawer.getByText("running again after").waitFor();
      // The report stands where one looks, in a window of an ordinary size.
      const report = await drawer.getByText("running again after").boundingBox();
      expect((report?.y ?? Infinity) + (report?.height ?? 0)).toBeLessThan(800);
      await stack.whenReady(child);
    },
  );
});
