import { expect, test } from "vitest";
import { createEmbeddedModel } from "./embedded.ts";
import type { Message, ModelPrompt } from "../model.ts";

const model = createEmbeddedModel({ tokenDelayMs: 0 });
const user = (content: string): Message => ({ role: "user", content });
const prompt = (messages: Message[], prefix = ""): ModelPrompt => ({ messages, prefix, request: {} });

async function say(of: ModelPrompt): Promise<string> {
  let text = "";
  for await (const piece of model.stream(of, new AbortController().signal))
    if (piece.kind === "text") text += piece.text;
  return text;
}

test("says what it is when it first speaks, and when asked", async () => {
  expect(await say(prompt([user("My lamp is broken.")]))).toContain("embedded model");
  const later = [user("My lamp is broken."), { role: "assistant" as const, content: "…" }];
  expect(await say(prompt([...later, user("It was blue.")]))).not.toContain("embedded model");
  expect(await say(prompt([...later, user("Who are you?")]))).toContain("embedded model");
});

test("answers a question from what the conversation holds", async () => {
  const messages = [
    user("My order number is 1234. It is late."),
    user("I like tea."),
    user("What was the number of my order?"),
  ];
  expect(await say(prompt(messages))).toContain("“My order number is 1234.”");
});

test("names the entities it found, and admits what it does not know", async () => {
  const reply = await say(prompt([user("What is the capital of France on 3 May 2027?")]));
  expect(reply).toContain("3 May 2027 (date)");
  expect(reply).toContain("HOLDFAST_MODEL_URL");
});

test("goes on after any beginning of its answer without repeating or losing a character", async () => {
  const messages = [user("Hello, my order of 12 lamps has not arrived, I am angry! 😀")];
  const whole = await say(prompt(messages));
  for (let length = 0; length <= whole.length; length += 7) {
    const begun = prompt(messages, whole.slice(0, length));
    expect(model.continuesFrom(begun)).toBe(true);
    expect(begun.prefix + (await say(begun))).toBe(whole);
  }
});

test("tells what it read before it answers, and not again when it goes on", async () => {
  const messages = [user("Hello Ada, I love it! The lamp costs $30.")];
  const aborter = new AbortController();
  const { value } = await model.stream(prompt(messages), aborter.signal).next();
  expect(value).toMatchObject({
    kind: "data",
    part: {
      type: "data",
      name: "reading",
      value: {
        sentiment: expect.any(Number),
        entities: expect.arrayContaining([{ text: "$30", type: "MONEY" }]),
        keywords: expect.arrayContaining(["lamp"]),
      },
    },
  });
  const begun = prompt(messages, (await say(prompt(messages))).slice(0, 5));
  expect(await model.stream(begun, aborter.signal).next()).toMatchObject({ value: { kind: "text" } });
});

test("does not go on from another text", () => {
  expect(model.continuesFrom(prompt([user("Hello")], "Something else"))).toBe(false);
});

test("stops soon after it is told to", async () => {
  const slow = createEmbeddedModel({ tokenDelayMs: 10_000 });
  const aborter = new AbortController();
  const words = slow.stream(prompt([user("Hello")]), aborter.signal);
  expect(await words.next()).toMatchObject({ value: { kind: "data" } });
  expect(await words.next()).toMatchObject({ value: { kind: "text" } });
  const next = words.next();
  aborter.abort();
  await expect(next).rejects.toThrow(/abort/);
});
