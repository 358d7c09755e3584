import type { ScriptedSession } from "../../packages/client/test/scripted-session.ts";
import type { ChatPage } from "./chat-page.ts";
import { expect, scriptedTest as test } from "./page-test.ts";

/** A model faster than any screen: nothing may break, fall behind, or keep the reader from stopping it. */

test.for([
  { pace: "8 characters each 5 ms", pieces: 250, size: 8, everyMs: 5 },
  { pace: "a character each ms", pieces: 500, size: 1, everyMs: 1 },
  { pace: "bursts of 200 frames in a packet", pieces: 10, size: 200, everyMs: 20, burst: true },
])(
  "$pace, on a processor 20 times slower: the page renders and ends with the whole text",
  async (flow, { session, asked }) => {
    const chat = await asked();
    const errors: string[] = [];
    chat.page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await slowDown(chat, 20);
    session.startTurn();
    await countChanges(chat);
    const text = await pour(session, flow);
    // Each look costs the slowed page time, too.
    await expect.poll(() => chat.answer(1).textContent(), { interval: 500 }).toBe(text);
    const { changes, frames } = await counted(chat);
    // One for what was drawn before the first frame was counted.
    expect(changes).toBeLessThanOrEqual(frames + 1);
    session.complete(text);
    await chat.ended(1, "completed");
    expect(errors).toEqual([]);
  },
);

test("while text pours, a press of Stop is answered at once and reaches the edge", async ({ session, edge, asked }) => {
  const chat = await asked();
  await slowDown(chat, 20);
  session.startTurn();
  let pouring = true;
  let told = (): void => undefined;
  const release = new Promise<void>((resolve) => (told = resolve));
  edge.script.command = async () => {
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
  await chat.button("Stop").click();
  // The edge has not answered, and the text still pours.
  await chat.button("Stopping…").waitFor();
  await expect.poll(() => edge.commands.length).toBe(1);
  expect(edge.commands[0]?.args).toEqual({ turn: 1 });
  told();
  await poured;
  await chat.ended(1, "interrupted");
});

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
