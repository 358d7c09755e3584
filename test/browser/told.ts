import { expect, test } from "vitest";
import { wireError } from "@holdfast/contract";
import { PATIENCE, type ChatPage } from "./chat-page.ts";
import type { ScriptedFixture } from "./scripted-fixture.ts";

/** Telling: whoever waits, listens or meets a failure is told what happens, in words. */
export function told(fixture: () => ScriptedFixture): void {
  async function asked(words = "Go"): Promise<ChatPage> {
    const chat = await fixture().reader();
    await ask(chat, words);
    return chat;
  }
  async function ask(chat: ChatPage, words: string): Promise<void> {
    const before = fixture().session.taken.length;
    await chat.say(words);
    await expect.poll(() => fixture().session.taken.length, PATIENCE).toBe(before + 1);
  }

  test("a screen reader is told whole sentences once, and the hidden text does not grow with the conversation", async () => {
    const chat = await fixture().reader();
    await listen(chat);
    const sentences = Array.from({ length: 120 }, (_, i) => `Sentence number ${i} is here.`);
    for (let turn = 1; turn <= 3; turn++) {
      await ask(chat, "Go");
      fixture().session.startTurn();
      for (const sentence of sentences) {
        fixture().session.delta(`${sentence} `);
        await new Promise((resolve) => setTimeout(resolve, 8));
      }
      fixture().session.complete(sentences.join(" "));
      await chat.ended(turn, "completed");
    }
    const whole = Array.from({ length: 3 }, () => sentences.join(" ")).join(" ");
    await expect.poll(() => heard(chat), PATIENCE).toBe(whole);
    expect(await chat.page.locator(".spoken p").count()).toBeLessThanOrEqual(6);
    await expect.poll(() => chat.page.locator(".spoken").textContent(), PATIENCE).toBe("");
  });

  test("what was said before one came is not read out", async () => {
    fixture().session.answer("History, not news.");
    const chat = await fixture().reader();
    await listen(chat);
    await chat.page.getByText("History, not news.").waitFor();
    await ask(chat, "Go");
    fixture().session.answer("News.");
    await expect.poll(() => heard(chat), PATIENCE).toBe("News.");
  });

  test("a turn without a word for a while says that it is waited for, and another attempt says so", async () => {
    const chat = await asked();
    await listen(chat);
    // First for the agent, then for its answer.
    await chat.page.getByText(/^Still waiting for the agent to begin… \d+ s$/).waitFor();
    fixture().session.startTurn();
    await chat.page.getByText(/^Still waiting for an answer… \d+ s$/).waitFor();
    fixture().session.delta("A word");
    await chat.page.locator(".waiting").waitFor({ state: "detached" });
    await chat.page.getByText(/^Still waiting for the rest of the answer… \d+ s$/).waitFor();
    fixture().session.rewind("", 3);
    await chat.page.getByText(/^Trying again \(attempt 3\)… \d+ s$/).waitFor();
    fixture().session.complete("Here it is.");
    await chat.ended(1, "completed");
    await chat.page.locator(".waiting").waitFor({ state: "detached" });
    // Said once each, not every second.
    const times = async (words: RegExp): Promise<number> => (await heard(chat)).match(words)?.length ?? 0;
    await expect.poll(() => times(/Trying again/g), PATIENCE).toBe(1);
    expect(await times(/Still waiting for an answer/g)).toBe(1);
  });

  test("turn-5: a failed turn keeps what was said, says it in a visitor's words, and is tried again by a button", async () => {
    const chat = await asked("Please try");
    const { session } = fixture();
    session.startTurn();
    session.delta("It begins");
    await chat.streaming(1);
    session.fail("It begins", { code: "model_refused", message: "its key is not accepted: set HOLDFAST_MODEL_KEY" });
    await chat.ended(1, "failed");
    expect(await chat.answer(1).textContent()).toBe("It begins");
    await chat.turn(1).getByText("The answer breaks off here.", { exact: false }).waitFor();
    expect(await chat.turn(1).innerText()).not.toContain("HOLDFAST_MODEL_KEY");
    await chat.turn(1).getByText("Details for whoever runs this service").click();
    await chat.turn(1).getByText("HOLDFAST_MODEL_KEY", { exact: false }).waitFor();
    await chat.turn(1).getByRole("button", { name: "Try again" }).click();
    await expect.poll(() => session.taken.length, PATIENCE).toBe(2);
    session.startTurn();
    session.complete("Now it works.");
    await chat.ended(2, "completed");
    expect(session.taken.map(({ event }) => event.kind === "input" && event.text)).toEqual([
      "Please try",
      "Please try",
    ]);
    expect(await chat.page.getByRole("button", { name: "Try again" }).count()).toBe(0);
  });

  test("stop is shown at once, and a refused stop says so", async () => {
    const chat = await asked();
    await listen(chat);
    fixture().session.startTurn();
    fixture().session.delta("On and on");
    await chat.streaming(1);
    fixture().edge.script.command = () => ({ ok: false, error: wireError("command_refused") });
    await chat.page.getByRole("button", { name: "Stop", exact: true }).click();
    await chat.page.getByRole("alert").getByText("The answer could not be stopped.", { exact: false }).waitFor();
    fixture().edge.script.command = () => {
      fixture().session.interrupt();
      return { ok: true, result: { turn: 1 } };
    };
    await chat.page.keyboard.press("Escape");
    await chat.ended(1, "interrupted");
    await chat.turn(1).getByText("You stopped the answer here.").waitFor();
    await expect.poll(() => heard(chat), PATIENCE).toMatch(/On and on .*Stopping….*You stopped the answer here\./);
    // With nothing to stop there is no button for it, unless it still has the focus.
    await chat.message.focus();
    expect(await chat.page.getByRole("button", { name: "Stop", exact: true }).isVisible()).toBe(false);
  });

  test("snap-4: a session that begins again says so, and what the reader had stays in sight", async () => {
    const chat = await asked("Remember me");
    const { session, edge } = fixture();
    session.startTurn();
    session.complete("I remember.");
    await chat.ended(1, "completed");
    session.beginAgain();
    edge.drop();
    await chat.page.getByText("The service began this conversation again.", { exact: false }).first().waitFor();
    await chat.page.locator(".past").getByText("I remember.").waitFor();
    await ask(chat, "Who am I?");
    session.startTurn();
    session.complete("I do not know.");
    await expect.poll(() => chat.page.locator(".transcript-content > .turn").count(), PATIENCE).toBe(1);
    expect(await chat.page.locator(".transcript-content").innerText()).toMatch(
      /Remember me[\s\S]*I remember\.[\s\S]*began this conversation again[\s\S]*Who am I\?[\s\S]*I do not know\./,
    );
  });

  test("snap-4: a log that lost its tail is no new beginning", async () => {
    const chat = await asked("One");
    const { session, edge } = fixture();
    session.startTurn();
    session.complete("First.");
    await ask(chat, "Two");
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
    expect(await chat.page.getByText("began this conversation again", { exact: false }).count()).toBe(0);
  });

  test.for([
    ["unknown_agent", "There is no such agent here."],
    ["forbidden", "This conversation is somebody else's."],
  ] as const)("a conversation that does not open (%s) says why, and the way back", async ([code, title]) => {
    fixture().edge.script.open = () => ({ ok: false, error: wireError(code) });
    const chat = await fixture().reader();
    await chat.page.getByRole("alert").getByText(title).waitFor();
    await chat.page.getByRole("link", { name: "All conversations" }).click();
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
  });

  test("connect-3: a refused connection says so, and connects again by a button", async () => {
    const chat = await fixture().reader();
    fixture().edge.script.connect = () => wireError("unauthenticated");
    fixture().edge.drop();
    await chat.page.getByRole("alert").getByText("Your sign-in is not accepted.").waitFor();
    delete fixture().edge.script.connect;
    await chat.page.getByRole("button", { name: "Try again" }).click();
    await chat.connected();
  });
}

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
