import type { CDPSession } from "playwright-core";
import type { ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import type { ChatPage } from "./chat-page.ts";
import { expect, longText, scriptedTest as test } from "./page-test.ts";

/** Following: the end of the conversation stays in sight until the reader, and nobody else, moves away from it. */

test.for([
  { pace: "slow", size: 12, everyMs: 8 },
  { pace: "fast", size: 200, everyMs: 1 },
  { pace: "whole paragraphs", size: 2_000, everyMs: 30 },
])(
  "twenty turns, each longer than the window, are followed to their ends ($pace)",
  async ({ size, everyMs }, { session, reader }) => {
    const chat = await reader();
    const lost: number[] = [];
    for (let turn = 1; turn <= 20; turn++) {
      await chat.ask(session, `Question ${turn}`);
      const text = longText(`Answer ${turn}`, 40);
      session.startTurn();
      await stream(session, text, size, everyMs);
      session.complete(text);
      await chat.ended(turn, "completed");
      if ((await distance(chat)) > 2) lost.push(turn);
    }
    expect(lost).toEqual([]);
    expect(await toNewest(chat).count()).toBe(0);
  },
);

test("what is not the reader's doing never ends it: another window, panels, other sizes of text", async ({
  session,
  reader,
}) => {
  const chat = await reader({ turns: 5 });
  await atEnd(chat);
  const { page } = chat;
  session.startTurn();
  for (const [width, height] of [
    [1280, 400],
    [700, 800],
    [320, 568],
    [1400, 900],
  ] as const) {
    await page.setViewportSize({ width, height });
    session.delta(longText("More", 5));
    await atEnd(chat);
  }
  for (const panel of ["Conversations", "Agent"]) {
    await page.getByRole("button", { name: panel, exact: true }).first().click();
    session.delta(longText("And more", 5));
    await atEnd(chat);
  }
  // A stylesheet of its own is refused by the page's policy; the root element's property is not.
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "22px"));
  await atEnd(chat);
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "11px"));
  await atEnd(chat);
  session.rewind("Begun anew.", 2);
  await atEnd(chat);
  await stream(session, longText("Again", 60), 100, 4);
  await atEnd(chat);
  expect(await toNewest(chat).count()).toBe(0);
});

test("who scrolls away stays there while the answer grows, and comes back by the button", async ({
  session,
  reader,
}) => {
  const chat = await reader({ turns: 5 });
  await atEnd(chat);
  session.startTurn();
  await stream(session, longText("Growing", 30), 50, 2);
  await wheel(chat, -600);
  await toNewest(chat).waitFor();
  const place = await scrollTop(chat);
  await stream(session, longText("Still growing", 30), 50, 2);
  expect(await scrollTop(chat)).toBe(place);
  await toNewest(chat).click();
  await atEnd(chat);
  // The focus is not lost with the button.
  expect(await chat.page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("log");
  await stream(session, longText("Followed again", 30), 50, 2);
  await atEnd(chat);
});

test.for([
  { by: "a small turn of the wheel", move: (chat: ChatPage) => wheel(chat, -30) },
  { by: "a key", move: (chat: ChatPage) => key(chat, "PageUp") },
  { by: "Home", move: (chat: ChatPage) => key(chat, "Home") },
  { by: "touch", move: (chat: ChatPage) => swipe(chat, 300) },
  { by: "what is no input at all, as a search in the page", move: (chat: ChatPage) => scrollBy(chat, -400) },
])("in the middle of a fast answer the reader gets away by $by", async ({ move }, { session, reader }) => {
  const chat = await reader({ turns: 3, hasTouch: true });
  await atEnd(chat);
  session.startTurn();
  let streaming = true;
  const flow = (async () => {
    while (streaming) {
      session.delta("A line of the answer.\n");
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  await chat.streaming(4);
  await move(chat);
  await toNewest(chat).waitFor();
  streaming = false;
  await flow;
  // The key's or finger's own scrolling may go on for a while, upwards.
  expect(await distance(chat)).toBeGreaterThan(10);
  await toNewest(chat).waitFor();
});

test("scrolling back down to the end follows again", async ({ session, reader }) => {
  const chat = await reader({ turns: 3 });
  await atEnd(chat);
  await wheel(chat, -900);
  await toNewest(chat).waitFor();
  await wheel(chat, 5_000);
  await expect.poll(() => toNewest(chat).count()).toBe(0);
  session.answer(longText("Next", 60));
  await chat.ended(4, "completed");
  await atEnd(chat);
});

test("sending brings one's own message into view, wherever one was", async ({ reader }) => {
  const chat = await reader({ turns: 5 });
  await atEnd(chat);
  await scrollBy(chat, -100_000);
  await toNewest(chat).waitFor();
  await chat.say("Here I am");
  const mine = chat.page.locator(".message-user").getByText("Here I am");
  await mine.waitFor();
  await atEnd(chat);
  const box = await mine.boundingBox();
  const field = await chat.message.boundingBox();
  expect(box === null || field === null ? "unseen" : box.y + box.height <= field.y).toBe(true);
});

test("a phone's keyboard, which leaves half of the window, keeps the end in sight", async ({ reader }) => {
  const chat = await reader({ turns: 3, viewport: { width: 360, height: 740 }, isMobile: true });
  await atEnd(chat);
  await chat.page.setViewportSize({ width: 360, height: 380 });
  await atEnd(chat);
  await chat.page.setViewportSize({ width: 360, height: 740 });
  await atEnd(chat);
  expect(await toNewest(chat).count()).toBe(0);
});

async function stream(session: ScriptedSession, text: string, size: number, everyMs: number): Promise<void> {
  for (let at = 0; at < text.length; at += size) {
    session.delta(text.slice(at, at + size));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

const toNewest = (chat: ChatPage) => chat.button("Jump to newest");

/** Pixels between what is in sight and the end, once the page has drawn what it was told. */
function distance(chat: ChatPage): Promise<number> {
  return chat.page.getByRole("log").evaluate(async (element) => {
    for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    return element.scrollHeight - element.clientHeight - element.scrollTop;
  });
}

async function atEnd(chat: ChatPage): Promise<void> {
  await expect.poll(() => distance(chat)).toBeLessThanOrEqual(2);
}

const scrollTop = (chat: ChatPage): Promise<number> =>
  chat.page.getByRole("log").evaluate((element) => element.scrollTop);

const scrollBy = (chat: ChatPage, top: number): Promise<void> =>
  chat.page.getByRole("log").evaluate((element, by) => element.scrollBy({ top: by }), top);

async function wheel(chat: ChatPage, deltaY: number): Promise<void> {
  await chat.page.getByRole("log").hover();
  await chat.page.mouse.wheel(0, deltaY);
}

async function key(chat: ChatPage, name: string): Promise<void> {
  await chat.page.getByRole("log").focus();
  await chat.page.keyboard.press(name);
}

/** A finger that goes down the screen. */
async function swipe(chat: ChatPage, by: number): Promise<void> {
  const cdp: CDPSession = await chat.page.context().newCDPSession(chat.page);
  const at = (y: number) => [{ x: 640, y }];
  await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(200) });
  for (let y = 0; y <= by; y += 20) {
    await cdp.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at(200 + y) });
  }
  await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}
