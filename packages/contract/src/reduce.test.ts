import { expect, test } from "vitest";
import { type Frame, frameSchema, type PatchOperation } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { markOf } from "./marks.ts";
import {
  chained,
  delta,
  input,
  joined,
  patched,
  reading,
  reduce,
  running,
  started,
  stepEnded,
  text,
  turnEnded,
  waiting,
} from "../test/reduce-fixture.ts";
import { runningTurn } from "./reduce.ts";
import { emptySnapshot, type Snapshot } from "./snapshot.ts";
import { textOf, type Turn } from "./turn.ts";

test("frame-1, snap-4: a snapshot replaces everything, also by an older version", () => {
  expect(reduce(reading, { type: "snapshot", id: "9-9", snapshot: emptySnapshot("x") })).toEqual(emptySnapshot("x"));
});

test("frame-2, snap-3: turn.started begins a turn without steps, and raises the version and the marks", () => {
  const before: Snapshot = { ...reading, running: null, applied: { "ann/tab-1": 3, "ann/tab-2": 8 } };
  const frame = started({ agent: "other", origin: "schedule", replaces: [1], traceparent: "00-ab-cd-01" });
  const begun = { turn: 2, origin: "schedule", inputs: [input], replaces: [1], steps: [] };
  expect(reduce(before, frame)).toEqual({
    ...before,
    version: 6,
    agent: "other",
    running: { ...begun, step: 1, attempt: 1, index: 0, parts: [], questions: [] },
    applied: { "ann/tab-1": 4, "ann/tab-2": 8 },
  });
});

test("frame-2: a version that is not above the reader's is ignored, one above the next is a gap", () => {
  const versioned = (version: number): Frame[] => [
    started({ version, turn: 3 }),
    stepEnded({ version }),
    waiting({ version }),
    joined({ version }),
    turnEnded({ version }),
    patched([{ op: "remove", path: "/mood" }], version),
  ];
  for (const version of [1, 5]) for (const frame of versioned(version)) expect(reduce(reading, frame)).toBe("ignored");
  for (const version of [7, 99]) for (const frame of versioned(version)) expect(reduce(reading, frame)).toBe("gap");
  for (const frame of versioned(6)) expect(reduce(reading, frame)).toMatchObject({ version: 6 });
});

test("frame-2: what ends or changes a turn that does not run is a gap", () => {
  for (const turn of [1, 3]) {
    for (const frame of [stepEnded({ turn }), waiting({ turn }), joined({ turn }), turnEnded({ turn })]) {
      expect(reduce(reading, frame)).toBe("gap");
    }
  }
  const idle = { ...reading, running: null };
  for (const frame of [stepEnded(), waiting(), joined(), turnEnded()]) expect(reduce(idle, frame)).toBe("gap");
});

test("frame-2: state.patched changes the state and lets the turn run", () => {
  expect(reduce(reading, patched([{ op: "remove", path: "/mood" }]))).toEqual({
    ...reading,
    version: 6,
    state: { topics: ["tea"] },
  });
});

test("frame-3: the first patch starts from the empty state of version 0", () => {
  const first = patched([{ op: "add", path: "/mood", value: 1 }], 1);
  expect(reduce(emptySnapshot("a"), first)).toMatchObject({ state: { mood: 1 } });
});

test("frame-2, frame-3: a patch that does not fit is a gap and leaves what the reader holds, as one does that is none", () => {
  const patch: PatchOperation[] = [
    { op: "replace", path: "/mood", value: 1 },
    { op: "remove", path: "/absent" },
  ];
  for (const frame of [patched(patch), stepEnded({ patch }), turnEnded({ patch })]) {
    expect(reduce(reading, frame)).toBe("gap");
  }
  expect(reading.state).toEqual({ mood: 0, topics: ["tea"] });
  for (const path of ["", "mood"]) {
    expect(frameSchema.safeParse(patched([{ op: "add", path, value: {} }])).success).toBe(false);
  }
});

test("frame-3: a turn's end commits its steps with the turn's inputs, and patches the state", () => {
  const patch: PatchOperation[] = [
    { op: "replace", path: "/mood", value: 0.5 },
    { op: "add", path: "/topics/-", value: "rain" },
  ];
  const more = { outcome: "interrupted", finish: "interrupted", by: "bob", model: "m1" } as const;
  const usage = { inputTokens: 12, outputTokens: 3 };
  const turn: Turn = {
    turn: 2,
    origin: "user",
    inputs: [input],
    steps: [...running.steps, { step: 2, attempt: 3, parts: running.parts }],
    usage,
    ...more,
  };
  expect(reduce(reading, turnEnded({ patch, usage, ...more }))).toEqual({
    ...reading,
    version: 6,
    running: null,
    turns: [...reading.turns, turn],
    state: { mood: 0.5, topics: ["tea", "rain"] },
  });
  expect(textOf(turn)).toBe("So. Hel");
});

test("frame-3: a failed turn carries its error and what it had said, a completed one has no error", () => {
  const error = { code: "model_unavailable", message: "retries exhausted" };
  const failed = reduce(reading, turnEnded({ outcome: "failed", finish: "error", error }));
  expect(failed).toMatchObject({ turns: [{ turn: 1 }, { outcome: "failed", finish: "error", error }] });
  const completed = reduce(reading, turnEnded());
  expect(completed).toMatchObject({ turns: [{ turn: 1 }, { outcome: "completed" }] });
  expect(completed).not.toHaveProperty("turns.1.error");
});

test("frame-3: an end without a step takes the steps that have ended, and no other part", () => {
  const end = { attempt: 0, index: 0, outcome: "completed", finish: "stop" } as const;
  expect(reduce(reading, { type: "turn.ended", ...chained, version: 6, turn: 2, ...end, patch: [] })).toMatchObject({
    running: null,
    turns: [{ turn: 1 }, { turn: 2, steps: running.steps }],
  });
});

test("frame-3: what a turn stands for is still known when it has ended", () => {
  const retry = { ...reading, running: { ...running, replaces: [1] } };
  expect(reduce(retry, turnEnded())).toMatchObject({ turns: [{ turn: 1 }, { turn: 2, replaces: [1] }] });
});

test("turn-7: turn.waiting tells all open questions, an empty list that the turn goes on, and its end closes them", () => {
  const asking = reduce(reading, waiting());
  if (typeof asking === "string") expect.fail(asking);
  expect(asking).toMatchObject({ version: 6, running: { parts: running.parts, questions: [{ id: "q1" }] } });
  const another = { id: "q2", title: "Sure?", of: "owner" } as const;
  expect(reduce(asking, waiting({ version: 7, questions: [another] }))).toMatchObject({
    running: { questions: [another] },
  });
  expect(reduce(asking, waiting({ version: 7, questions: [] }))).toMatchObject({ running: { questions: [] } });
  expect(reduce(asking, delta())).toMatchObject({ running: { questions: [{ id: "q1" }], index: 8 } });
  expect(reduce(asking, stepEnded({ version: 7 }))).toMatchObject({ running: { questions: [{ id: "q1" }] } });
  expect(reduce(asking, turnEnded({ version: 7 }))).toMatchObject({ running: null });
});

test("turn-8, ack-2: inputs that join stand behind the turn's own, and are applied", () => {
  const after = reduce(reading, joined());
  expect(after).toMatchObject({
    version: 6,
    running: { inputs: [input, { seq: 4, text: "and short" }], parts: running.parts },
    applied: { "ann/tab-1": 4 },
  });
  if (typeof after === "string") expect.fail(after);
  expect(reduce(after, turnEnded({ version: 7 }))).toMatchObject({
    turns: [{ turn: 1 }, { inputs: [input, { seq: 4 }] }],
  });
});

test("notice-1: a notice changes nothing that a reader holds", () => {
  expect(reduce(reading, { type: "notice", ...chained, name: "typing", data: { on: true } })).toBe(reading);
});

test("ack-2: of many producers the marks of those heard of last are kept, one for each", () => {
  let held: Snapshot = { ...reading, running: null, applied: { "ann/first": 1, "ann/second": 1 } };
  const took = (producer: string, seq: number): void => {
    const marks = { [markOf("ann", producer)]: seq };
    const inputs = [{ ...input, producer, seq }];
    const { version } = held;
    // Marks come by either frame.
    const frame =
      held.running === null
        ? started({ version: version + 1, inputs, applied: marks })
        : joined({ version: version + 1, inputs, applied: marks });
    const after = reduce(held, frame);
    if (typeof after === "string") throw new Error(after);
    held = after;
  };
  for (let visitor = 1; visitor < LIMITS.producers; visitor++) {
    took("first", visitor + 1);
    took(`visitor-${visitor}`, 1);
  }
  took("visitor-1", 2);
  expect(Object.keys(held.applied)).toHaveLength(LIMITS.producers);
  expect(held.applied).toMatchObject({ "ann/first": LIMITS.producers, "ann/visitor-1": 2, "ann/visitor-2": 1 });
  expect(held.applied).not.toHaveProperty("ann/second");
  took("one-more", 1);
  expect(Object.keys(held.applied)).toHaveLength(LIMITS.producers);
  expect(held.applied).not.toHaveProperty("ann/visitor-2");
});

test("snap-2, snap-5: a reader bounds and shrinks its turns as the session does", () => {
  const turns = Array.from({ length: LIMITS.snapshotTurns }, (_, i): Turn => {
    const steps = [{ step: 1, attempt: 1, parts: [{ type: "reasoning" as const, text: "why" }, text("so")] }];
    return { turn: i + 1, origin: "user", inputs: [], steps, outcome: "completed", finish: "stop" };
  });
  const turn = turns.length + 1;
  const last = runningTurn({ turn, origin: "user", inputs: [] });
  const reduced = reduce({ ...reading, turns, running: last }, turnEnded({ turn, step: 1, index: 0 }));
  if (typeof reduced === "string") expect.fail(reduced);
  expect(reduced.turns).toHaveLength(LIMITS.snapshotTurns);
  expect(reduced.turns[0]).toMatchObject({
    turn: 2,
    steps: [{ parts: [{ type: "reasoning", text: "" }, text("so")] }],
  });
  expect(reduced.turns.at(-2)).toBe(turns.at(-1));
});
