import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { answerTo } from "../kit/model-calls.ts";
import { runPython } from "./python-client.ts";

/** SPEC.md is enough for a client in another language: `holdfast.py`, on python-socketio as it comes. */
let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.close());

test("connect-7, open-2, ack-2, command-1: a Python client connects, talks, resumes at another edge and interrupts", async () => {
  const seen = await runPython("conversation.py", {
    urls: fixture.stack.edgeUrls,
    token: await fixture.stack.token({ subject: "monty" }),
    stale: await fixture.stack.token({ subject: "monty", expiresInSeconds: -60 }),
  });
  expect(seen).toMatchObject({
    refusal: "token_expired",
    fresh: { resumed: false, version: 0 },
    applied: 2,
    resumed: { resumed: true, versions: 2 },
    commands: [{ turn: 4 }, { turn: 4 }],
    too_large: "too_large",
    turns: [
      { turn: 1, outcome: "completed", text: answerTo("one") },
      { turn: 2, outcome: "completed", text: answerTo("two") },
      { turn: 3, outcome: "completed", text: answerTo("three, while the first is away") },
      { turn: 4, outcome: "interrupted" },
    ],
    agree: true,
  });
});
