import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Generation, watchSilence } from "./generation.ts";
import type { Model, ModelPrompt } from "./models/model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const prompt: ModelPrompt = { messages: [{ role: "user", content: "hello" }], prefix: "", request: {} };
const timeouts = { firstTextTimeoutMs: 60_000, idleTimeoutMs: 20_000, totalTimeoutMs: 600_000 };

/** Says something every fifteen seconds: "" is a sign of life. */
function slowly(pieces: string[]): Model {
  return {
    provider: "test",
    name: "slow",
    promptTokens: () => undefined,
    continuesFrom: () => false,
    async *stream(_prompt, signal) {
      for (const piece of pieces) {
        await vi.advanceTimersByTimeAsync(15_000);
        signal.throwIfAborted();
        yield piece === "" ? { kind: "alive" } : { kind: "text", text: piece };
      }
      return { finish: "stop", usage: {} };
    },
  };
}

test("a model that reasons for long before it answers is not taken for one that fell silent", async () => {
  const texts: string[] = [];
  const pieces = ["", "", "", "", "", "", "Hel", "", "lo"];
  const ending = await new Generation().run(slowly(pieces), prompt, timeouts, (said) => {
    if (said.kind === "text") texts.push(said.text);
  });
  expect(ending).toEqual({ why: "finished", finish: "stop", usage: {} });
  expect(texts).toEqual(["Hel", "lo"]);
});

test("before its first text a model may be silent for longer, and every sign of life begins that time anew", async () => {
  const reasoning: Model = {
    ...slowly([]),
    async *stream(_prompt, signal) {
      for (let sign = 0; sign < 3; sign++) {
        yield sign === 1 ? { kind: "reasoning", text: "hm" } : { kind: "alive" };
        await vi.advanceTimersByTimeAsync(50_000);
        signal.throwIfAborted();
      }
      yield { kind: "text", text: "Hello" };
      await vi.advanceTimersByTimeAsync(20_000);
      signal.throwIfAborted();
      return { finish: "stop", usage: {} };
    },
  };
  const texts: string[] = [];
  const ending = await new Generation().run(reasoning, prompt, timeouts, (said) => {
    if (said.kind === "text") texts.push(said.text);
  });
  expect(texts).toEqual(["Hello"]);
  expect(ending).toMatchObject({ why: "failed", error: { failure: "timeout" } });
});

test("a model that only ever shows that it lives is ended by the limit of one answer", async () => {
  const endless = slowly(Array.from({ length: 100 }, () => ""));
  const ending = await new Generation().run(endless, prompt, timeouts, () => {});
  expect(ending).toMatchObject({ why: "failed", error: { failure: "timeout" } });
});

test("silence: its first limit counts from each sign of life until the first text, then the other one from each sound", () => {
  const onSilent = vi.fn<() => void>();
  const watch = watchSilence(10_000, 2_000, onSilent);
  vi.advanceTimersByTime(9_999);
  watch.alive();
  vi.advanceTimersByTime(9_999);
  watch.spoke();
  vi.advanceTimersByTime(1_999);
  watch.alive();
  vi.advanceTimersByTime(1_999);
  expect(onSilent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onSilent).toHaveBeenCalledTimes(1);
  watch.end();
});

test("silence: nothing is called after its end", () => {
  const onSilent = vi.fn<() => void>();
  watchSilence(1_000, 1_000, onSilent).end();
  vi.advanceTimersByTime(5_000);
  expect(onSilent).not.toHaveBeenCalled();
});
