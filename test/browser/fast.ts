import { expect, test } from "vitest";
import type { ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import { PATIENCE, type ChatPage } from "./chat-page.ts";
import type { ScriptedFixture } from "./scripted-fixture.ts";

/** A model faster than any screen: nothing may break, fall behind, or keep the reader from stopping it. */
export function fast(fixture: () => ScriptedFixture): void {
  test.for([
    { pace: "8 characters each 5 ms", pieces: 250, size: 8, everyMs: 5 },
    { pace: "a character each ms", pieces: 500, size: 1, everyMs: 1 },
    { pace: "bursts of 200 frames in a packet", pieces: 10, size: 200, everyMs: 20, burst: true },
  ])("$pace, on a processor 20 times slower: the page renders and ends with the whole text", async (flow) => {
    const chat = await fixture().reader();
    const errors: string[] = [];
    chat.page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await slowDown(chat, 20);
    await chat.say("Go");
    await expect.poll(() => fixture().session.taken.length, PATIENCE).toBe(1);
    const { session } = fixture();
    session.startTurn();
    await countChanges(chat);
    const text = await pour(session, flow);
    await expect.poll(() => chat.answer(1).textContent(), PATIENCE).toBe(text);
    const { changes, frames } = await counted(chat);
    // One for what was drawn before the first frame was counted.
    expect(changes).toBeLessThanOrEqual(frames + 1);
    session.complete(text);
    await chat.ended(1, "completed");
    expect(errors).toEqual([]);
  });

  test("while text pours, a press of Stop is answered at once and reaches the edge", async () => {
    const chat = await fixture().reader();
    await slowDown(chat, 20);
    await chat.say("Go");
    await expect.poll(() => fixture().session.taken.length, PATIENCE).toBe(1);
    const { session } = fixture();
    session.startTurn();
    let pouring = true;
    let told = (): void => undefined;
    const release = new Promise<void>((resolve) => (told = resolve));
    fixture().edge.script.command = async () => {
      await release;
      pouring = false;
      session.interrupt();
      return { ok: true, result: { turn: 1 } };
    };
    const poured = (async () => {
      // 8 characters each 5 ms, in packets as the log makes them of it.
      while (pouring) {
        session.burst(Array.from({ length: 8 }, () => "8 letter"));
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    await chat.streaming(1);
    await chat.page.getByRole("button", { name: "Stop", exact: true }).click();
    // The edge has not answered, and the text still pours.
    await chat.page.getByRole("button", { name: "Stopping…" }).waitFor();
    await expect.poll(() => fixture().edge.commands.length, PATIENCE).toBe(1);
    expect(fixture().edge.commands[0]?.args).toEqual({ turn: 1 });
    told();
    await poured;
    await chat.ended(1, "interrupted");
  });

  test("what the reader has selected in an answer stays selected while it grows and when it ends", async () => {
    const chat = await fixture().reader();
    await chat.say("Go");
    await expect.poll(() => fixture().session.taken.length, PATIENCE).toBe(1);
    const { session } = fixture();
    session.startTurn();
    session.delta("Mark these words. ");
    await chat.streaming(1);
    await chat.answer(1).evaluate((bubble) => {
      const text = document.createTreeWalker(bubble, NodeFilter.SHOW_TEXT).nextNode();
      if (text === null) throw new Error("the answer has no text");
      getSelection()?.setBaseAndExtent(text, 5, text, 10);
    });
    session.delta("And more of them. ");
    await chat.page.getByText("And more of them.").waitFor();
    expect(await chat.page.evaluate(() => String(getSelection()))).toBe("these");
    session.complete("Mark these words. And more of them. The end.");
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe("Mark these words. And more of them. The end.");
    expect(await chat.page.evaluate(() => String(getSelection()))).toBe("these");
  });
}

interface Flow {
  pieces: number;
  size: number;
  everyMs: number;
  burst?: boolean;
}

async function pour(session: ScriptedSession, { pieces, size, everyMs, burst = false }: Flow): Promise<string> {
  let text = "";
  for (let i = 0; i < pieces; i++) {
    const piece = `${i} is a sentence. `.padEnd(size, "·").slice(0, size);
    text += piece;
    if (burst) session.burst(piece.split(""));
    else session.delta(piece);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return text;
}

async function slowDown(chat: ChatPage, rate: number): Promise<void> {
  const cdp = await chat.page.context().newCDPSession(chat.page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate });
}

/** Counts, from now on, the page's animation frames and the changes of the answer's text. */
async function countChanges(chat: ChatPage): Promise<void> {
  await chat.page.evaluate(() => {
    const root = document.documentElement;
    const add = (name: string): void => root.setAttribute(name, String(Number(root.getAttribute(name) ?? 0) + 1));
    const watch = new MutationObserver((records) => {
      const ofAnswer = records.filter(({ type }) => type === "characterData");
      for (let i = 0; i < ofAnswer.length; i++) add("data-changes");
    });
    watch.observe(document.querySelector('[role="log"]') ?? root, { subtree: true, characterData: true });
    requestAnimationFrame(function count() {
      add("data-frames");
      requestAnimationFrame(count);
    });
  });
}

const counted = (chat: ChatPage): Promise<{ changes: number; frames: number }> =>
  chat.page.evaluate(() => {
    const read = (name: string): number => Number(document.documentElement.getAttribute(name) ?? 0);
    return { changes: read("data-changes"), frames: read("data-frames") };
  });
