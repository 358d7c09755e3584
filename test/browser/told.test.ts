import { wireError } from "@holdfast/contract";
import type { ChatPage } from "./chat-page.ts";
import { expect, scriptedTest as test } from "./page-test.ts";

/** Telling: whoever waits, listens or meets a failure is told what happens, in words. */

test("a screen reader is told whole sentences once; the hidden text stays small", async ({ session, reader }) => {
  const chat = await reader();
  await listen(chat);
  const sentences = Array.from({ length: 120 }, (_, i) => `Sentence number ${i} is here.`);
  for (let turn = 1; turn <= 3; turn++) {
    await chat.ask(session);
    session.startTurn();
    for (const sentence of sentences) {
      session.delta(`${sentence} `);
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
    session.complete(sentences.join(" "));
    await chat.ended(turn, "completed");
  }
  const whole = Array.from({ length: 3 }, () => sentences.join(" ")).join(" ");
  await expect.poll(() => heard(chat)).toBe(whole);
  expect(await chat.page.locator(".spoken p").count()).toBeLessThanOrEqual(6);
  await expect.poll(() => chat.page.locator(".spoken").textContent()).toBe("");
});

test("what was said before one came is not read out", async ({ session, reader }) => {
  session.answer("History, not news.");
  const chat = await reader();
  await listen(chat);
  await chat.page.getByText("History, not news.").waitFor();
  await chat.ask(session);
  session.answer("News.");
  await expect.poll(() => heard(chat)).toBe("News.");
});

test("a turn without a word for a while is said to be waited for, another attempt too", async ({ session, asked }) => {
  const chat = await asked();
  await listen(chat);
  // First for the agent, then for its answer.
  await chat.page.getByText(/^Still waiting for the agent to begin… \d+ s$/).waitFor();
  session.startTurn();
  await chat.page.getByText(/^Still waiting for an answer… \d+ s$/).waitFor();
  session.delta("A word");
  await chat.page.locator(".waiting").waitFor({ state: "detached" });
  await chat.page.getByText(/^Still waiting for the rest of the answer… \d+ s$/).waitFor();
  session.rewind("", 3);
  await chat.page.getByText(/^Trying again \(attempt 3\)… \d+ s$/).waitFor();
  session.complete("Here it is.");
  await chat.ended(1, "completed");
  await chat.page.locator(".waiting").waitFor({ state: "detached" });
  // Said once each, not every second.
  const times = async (words: RegExp): Promise<number> => (await heard(chat)).match(words)?.length ?? 0;
  await expect.poll(() => times(/Trying again/g)).toBe(1);
  expect(await times(/Still waiting for an answer/g)).toBe(1);
});

test("turn-5: a failed turn keeps what was said, tells it in words, is tried again by a button", async ({
  session,
  asked,
}) => {
  const chat = await asked("Please try");
  session.startTurn();
  session.delta("It begins");
  await chat.streaming(1);
  session.fail("It begins", { code: "model_refused", message: "its key is not accepted: set HOLDFAST_MODEL_KEY" });
  await chat.ended(1, "failed");
  expect(await chat.answer(1).textContent()).toBe("It begins");
  await chat.turn(1).getByText("The answer breaks off here.").waitFor();
  expect(await chat.turn(1).innerText()).not.toContain("HOLDFAST_MODEL_KEY");
  await chat.turn(1).getByText("Details for whoever runs this service").click();
  await chat.turn(1).getByText("HOLDFAST_MODEL_KEY").waitFor();
  await chat.turn(1).getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => session.taken.length).toBe(2);
  session.startTurn();
  session.complete("Now it works.");
  await chat.ended(2, "completed");
  expect(session.taken.map(({ event }) => event.kind === "input" && event.text)).toEqual(["Please try", "Please try"]);
  expect(await chat.button("Try again").count()).toBe(0);
});

test("stop is shown at once, and a refused stop says so", async ({ session, edge, asked }) => {
  const chat = await asked();
  await listen(chat);
  session.startTurn();
  session.delta("On and on");
  await chat.streaming(1);
  edge.script.command = () => ({ ok: false, error: wireError("command_refused") });
  await chat.button("Stop").click();
  await chat.page.getByRole("alert").getByText("The answer could not be stopped.").waitFor();
  edge.script.command = () => {
    session.interrupt();
    return { ok: true, result: { turn: 1 } };
  };
  await chat.page.keyboard.press("Escape");
  await chat.ended(1, "interrupted");
  await chat.turn(1).getByText("You stopped the answer here.").waitFor();
  await expect.poll(() => heard(chat)).toMatch(/On and on .*Stopping….*You stopped the answer here\./);
  // With nothing to stop there is no button for it, unless it still has the focus.
  await chat.message.focus();
  expect(await chat.button("Stop").isVisible()).toBe(false);
});

test("snap-4: a session that begins again says so, and what one had stays in sight", async ({
  session,
  edge,
  asked,
}) => {
  const chat = await asked("Remember me");
  session.startTurn();
  session.complete("I remember.");
  await chat.ended(1, "completed");
  session.beginAgain();
  edge.drop();
  await chat.page.getByText("The service began this conversation again.").first().waitFor();
  await chat.page.locator(".past").getByText("I remember.").waitFor();
  await chat.ask(session, "Who am I?");
  session.startTurn();
  session.complete("I do not know.");
  await expect.poll(() => chat.page.locator(".transcript-content > .turn").count()).toBe(1);
  expect(await chat.page.locator(".transcript-content").innerText()).toMatch(
    /Remember me[\s\S]*I remember\.[\s\S]*began this conversation again[\s\S]*Who am I\?[\s\S]*I do not know\./,
  );
});

test("snap-4: a log that lost its tail is no new beginning", async ({ session, edge, asked }) => {
  const chat = await asked("One");
  session.startTurn();
  session.complete("First.");
  await chat.ask(session, "Two");
  const before = session.snapshot;
  session.startTurn();
  session.complete("Second.");
  await chat.ended(2, "completed");
  const after = session.snapshot;
  session.snapshot = before;
  session.loseLog();
  edge.drop();
  await chat.turn(2).waitFor({ state: "detached" });
  session.snapshot = after;
  session.loseLog();
  edge.drop();
  await chat.ended(2, "completed");
  expect(await chat.page.getByText("began this conversation again").count()).toBe(0);
});

test.for([
  ["unknown_agent", "There is no such agent here."],
  ["forbidden", "This conversation is somebody else's."],
] as const)(
  "a conversation that does not open (%s) says why, and the way back",
  async ([code, title], { edge, reader }) => {
    edge.script.open = () => ({ ok: false, error: wireError(code) });
    const chat = await reader();
    await chat.page.getByRole("alert").getByText(title).waitFor();
    await chat.page.getByRole("link", { name: "All conversations" }).click();
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
  },
);

test("connect-3: a refused connection says so, and connects again by a button", async ({ edge, reader }) => {
  const chat = await reader();
  edge.script.connect = () => wireError("unauthenticated");
  edge.drop();
  await chat.page.getByRole("alert").getByText("Your sign-in is not accepted.").waitFor();
  delete edge.script.connect;
  await chat.button("Try again").click();
  await chat.connected();
});

/** Keeps everything the live region is given, as a screen reader would hear it. */
async function listen(chat: ChatPage): Promise<void> {
  await chat.page.locator(".spoken").waitFor({ state: "attached" });
  await chat.page.evaluate(() => {
    const heardSoFar: string[] = [];
    new MutationObserver((records) => {
      for (const { addedNodes } of records) for (const node of addedNodes) heardSoFar.push(node.textContent ?? "");
      document.documentElement.setAttribute("data-heard", heardSoFar.join(" "));
    }).observe(document.querySelector(".spoken") ?? document.body, { childList: true });
  });
}

const heard = (chat: ChatPage): Promise<string> =>
  chat.page.evaluate(() => document.documentElement.getAttribute("data-heard") ?? "");
