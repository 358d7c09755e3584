import { emptySnapshot, type Step, type Turn } from "@holdfast/contract";
import type { SessionState, StepRequest } from "@holdfast/internal";
import type { Begun } from "@holdfast/session-log";
import { expect, test } from "vitest";
import { readConversation } from "./session-state.ts";

const request: StepRequest = {
  key: { tenant: "t", owner: "o", name: "s" },
  epoch: 1,
  agent: "concierge",
  turn: 2,
  step: 2,
  startedVersion: 3,
  origin: "user",
  inputs: [],
  applied: {},
  lengthBefore: 0,
  budgetMs: 120_000,
  request: {},
};
const ended = { outcome: "completed", finish: "stop" } as const;
const turns: Turn[] = [{ turn: 1, origin: "user", inputs: [], steps: [], ...ended }];
const steps: Step[] = [{ step: 1, attempt: 1, parts: [{ type: "text", text: "first" }] }];
const running = { turn: 2, origin: "user" as const, inputs: [], steps, attempt: 1, index: 0, parts: [], questions: [] };
const state: SessionState = {
  epoch: 1,
  snapshot: { ...emptySnapshot("concierge"), version: 3, turns, running: { ...running, step: 2 } },
};
const begun: Begun = { outcome: "ok", parts: [], index: 0, stop: false, steps, turns };

/** What is read, and what the cache is given meanwhile. */
async function read(from: Begun | undefined, contextTurns = 20, of = request) {
  const put: SessionState[] = [];
  const deps = {
    log: { putSnapshot: async (_key: unknown, given: SessionState) => (put.push(given), "stored" as const) },
    queryState: async () => state,
  };
  return { conversation: await readConversation(deps, of, contextTurns, from), put };
}

test("a warm cache is not second-guessed", async () => {
  expect(await read({ ...begun, turns: [] })).toEqual({ conversation: { turns: [], steps }, put: [] });
});

test.for<[string, Begun | undefined]>([
  ["it lacks turns", { ...begun, turns: undefined }],
  ["it lacks steps", { ...begun, steps: undefined }],
  ["it is out of reach", undefined],
])("a cache is asked for at the workflow and warmed: %s", async ([, from]) => {
  expect(await read(from)).toEqual({ conversation: { turns, steps }, put: [state] });
});

test("what is not needed is not asked for", async () => {
  const first = { ...request, step: 1 };
  expect(await read(undefined, 0, first)).toEqual({ conversation: { turns: [], steps: [] }, put: [] });
});

test("a workflow that is elsewhere than at this step does not wait for it", async () => {
  for (const elsewhere of [{ step: 3 }, { turn: 3 }, { epoch: 2 }]) {
    const { conversation } = await read(undefined, 20, { ...request, ...elsewhere });
    expect(conversation).toBeUndefined();
  }
});
