import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Generation } from "./generation.ts";
import type { Model, ModelPrompt } from "./models/model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const prompt: ModelPrompt = { messages: [{ role: "user", content: "hello" }], prefix: "", request: {} };
const timeouts = { firstTextTimeoutMs: 60_000, idleTimeoutMs: 20_000 };

/** Yields one piece every fifteen seconds. */
function slowly(pieces: string[]): Model {
  return {
    provider: "test",
    name: "slow",
    continuesFrom: () => false,
    async *stream(_prompt, signal) {
      for (const piece of pieces) {
        await vi.advanceTimersByTimeAsync(15_000);
        signal.throwIfAborted();
        yield piece;
      }
      return {};
    },
  };
}

test("a model that reasons for long before it answers is not taken for one that fell silent", async () => {
  const texts: string[] = [];
  const pieces = ["", "", "", "", "", "", "Hel", "", "lo"];
  const ending = await new Generation().run(slowly(pieces), prompt, timeouts, (text) => texts.push(text));
  expect(ending).toEqual({ why: "finished", usage: {} });
  expect(texts).toEqual(["Hel", "lo"]);
});

test("a model that stops reasoning and says nothing is", async () => {
  const stuck: Model = {
    ...slowly([]),
    async *stream(_prompt, signal) {
      yield "";
      await vi.advanceTimersByTimeAsync(20_000);
      signal.throwIfAborted();
      return {};
    },
  };
  const ending = await new Generation().run(stuck, prompt, timeouts, () => {});
  expect(ending).toMatchObject({ why: "failed", error: { kind: "broken" } });
});
