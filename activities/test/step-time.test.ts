import { raw } from "@holdfast/model-server";
import { afterEach, expect, test, vi } from "vitest";
import { question, until, useFixture } from "./fixture.ts";

const use = useFixture();
const { text: T, finish: F, done: D, whole } = raw;
afterEach(() => {
  vi.useRealTimers();
});

test.for([120_000, -120_000])(
  "a worker whose clock is %i ms off takes as long as it takes, and fails nothing",
  async (off) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + off });
    const asked = await use.fixture.ask([{ status: 503 }, whole("Hello")]);
    expect(asked).toMatchObject({ text: "Hello", calls: 2 });
    expect(asked.result?.spentMs).toBeLessThan(60_000);
  },
);

test("turn-5: a step whose time is over ends there, is not repeated, and leaves its readers what they have", async () => {
  const endless = { pieces: [T("Half"), 60_000, T(" of it"), F("stop"), D] };
  const asked = await use.fixture.ask([endless], {}, { ...question(), budgetMs: 400 });
  expect(asked).toMatchObject({ code: "turn_deadline", attempts: 1, calls: 1, held: "Half" });
});

test("turn-5: what earlier attempts took is spent: with nothing left the model is not asked", async () => {
  const progress = { spentMs: 120_000, failures: {} };
  expect(await use.fixture.ask([whole("Hello")], { progress })).toMatchObject({ code: "turn_deadline", calls: 0 });
  const some = await use.fixture.ask([whole("Hello")], { progress: { spentMs: 60_000, failures: {} } });
  expect(some.result?.spentMs).toBeGreaterThanOrEqual(60_000);
  expect(some.result?.spentMs).toBeLessThan(120_000);
});

test("the pause before the next attempt is part of the step's time", async () => {
  use.fixture.model.setReplies(() => ({ status: 429, headers: { "retry-after": "7" } }));
  const running = use.fixture.run(question());
  await expect(running.result).rejects.toMatchObject({ type: "model_unavailable" });
  const { spentMs } = Object(running.progress());
  expect(spentMs).toBeGreaterThanOrEqual(7_000);
});

test("a heartbeat of another shape is taken for none", async () => {
  for (const progress of [undefined, null, "x", { spentMs: "y", failures: 3 }]) {
    expect(await use.fixture.ask([whole("Hello")], { progress })).toMatchObject({ text: "Hello" });
  }
});

test("an interrupt between two pieces of an answer is heard whatever the server does", async () => {
  use.fixture.model.setReplies(() => ({ pieces: [T("Half"), 100, ": still here\n\n"], end: "hang" }));
  const request = question();
  const running = use.fixture.run(request);
  await until(() => use.fixture.partialText(request.key));
  running.cancel("CANCELLED");
  expect(await running.result).toMatchObject({ text: "Half", finish: "interrupted" });
});
