import { expect, test } from "vitest";
import { type Frame, type FrameOf, frameSchema, type PatchOperation } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { markOf } from "./marks.ts";
import type { Part } from "./parts.ts";
import { reduceFrame, runningTurn } from "./reduce.ts";
import { emptySnapshot, type Snapshot } from "./snapshot.ts";
import { type Input, textOf, type Turn } from "./turn.ts";

const chained = { id: "2-1", prev: "1-1" };
const input: Input = { by: "ann", producer: "tab-1", seq: 3, origin: "user", at: 1_700_000_000_000, text: "hello" };
const text = (said: string): Part => ({ type: "text", text: said });
const call = (state: "writing" | "running", more = {}): Part => ({
  type: "tool",
  call: "2.2.0",
  name: "look",
  state,
  ...more,
});

/** A reader at version 5. Turn 1 has ended, so has step 1 of turn 2; of step 2 it has seen three growing frames of attempt 3. */
const reading = frozen<Snapshot>({
  version: 5,
  agent: "concierge",
  state: { mood: 0, topics: ["tea"] },
  turns: [
    {
      turn: 1,
      origin: "user",
      inputs: [],
      steps: [{ step: 1, attempt: 1, parts: [text("first")] }],
      outcome: "completed",
      finish: "stop",
    },
  ],
  running: {
    turn: 2,
    origin: "user",
    inputs: [input],
    steps: [{ step: 1, attempt: 2, parts: [text("So. ")] }],
    step: 2,
    attempt: 3,
    index: 7,
    parts: [{ type: "reasoning", text: "hm" }, text("Hel")],
    questions: [],
  },
  applied: { "ann/tab-1": 3 },
});
const running = reading.running ?? expect.fail();

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** The snapshot that a frame makes, or what became of it instead. */
function reduce(before: Snapshot, frame: Frame): Snapshot | "ignored" | "gap" {
  expect(frameSchema.parse(frame)).toEqual(frame);
  const reduction = reduceFrame(before, frozen(frame));
  return reduction.outcome === "applied" ? reduction.snapshot : reduction.outcome;
}

const delta = (more: Partial<FrameOf<"delta">> = {}): Frame => ({
  type: "delta",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  at: 1,
  text: "lo",
  ...more,
});
const part = (more: Partial<FrameOf<"part">> = {}): Frame => ({
  type: "part",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  at: 2,
  part: call("running"),
  ...more,
});
const rewind = (more: Partial<FrameOf<"rewind">> = {}): Frame => ({
  type: "rewind",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  parts: [],
  ...more,
});
const stepEnded = (more: Partial<FrameOf<"step.ended">> = {}): Frame => ({
  type: "step.ended",
  ...chained,
  version: 6,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 7,
  patch: [],
  ...more,
});
const turnEnded = (more: Partial<FrameOf<"turn.ended">> = {}): Frame => ({
  type: "turn.ended",
  ...chained,
  version: 6,
  turn: 2,
  outcome: "completed",
  finish: "stop",
  step: 2,
  attempt: 3,
  index: 7,
  patch: [],
  ...more,
});
const waiting = (more: Partial<FrameOf<"turn.waiting">> = {}): Frame => ({
  type: "turn.waiting",
  ...chained,
  version: 6,
  turn: 2,
  questions: [{ id: "q1", title: "Refund 120 €?", of: { role: "manager" }, call: "2.2.0", until: 1_700_086_400_000 }],
  ...more,
});
const joined = (more: Partial<FrameOf<"inputs.joined">> = {}): Frame => ({
  type: "inputs.joined",
  ...chained,
  version: 6,
  turn: 2,
  inputs: [{ ...input, seq: 4, text: "and short" }],
  applied: { "ann/tab-1": 4 },
  ...more,
});
const started = (more: Partial<FrameOf<"turn.started">> = {}): Frame => ({
  type: "turn.started",
  ...chained,
  version: 6,
  turn: 2,
  agent: "concierge",
  origin: "user",
  inputs: [input],
  applied: { "ann/tab-1": 4 },
  ...more,
});
const patched = (patch: PatchOperation[], version = 6): Frame => ({
  type: "state.patched",
  ...chained,
  version,
  patch,
});

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
  const { step: _, ...end } = turnEnded({ attempt: 0, index: 0 }) as FrameOf<"turn.ended">;
  expect(reduce(reading, end)).toMatchObject({
    running: null,
    turns: [{ turn: 1 }, { turn: 2, steps: running.steps }],
  });
});

test("frame-3: what a turn stands for is still known when it has ended", () => {
  const retry = { ...reading, running: { ...running, replaces: [1] } };
  expect(reduce(retry, turnEnded())).toMatchObject({ turns: [{ turn: 1 }, { turn: 2, replaces: [1] }] });
});

test("frame-4: a delta adds to the part at its place", () => {
  expect(reduce(reading, delta())).toEqual({
    ...reading,
    running: { ...running, index: 8, parts: [{ type: "reasoning", text: "hm" }, text("Hello")] },
  });
  const thought = [{ type: "reasoning", text: "hm, yes" }, text("Hel")];
  expect(reduce(reading, delta({ at: 0, text: ", yes" }))).toMatchObject({ running: { parts: thought } });
});

test("frame-4: with begins, a delta begins a part behind the others", () => {
  for (const begins of ["text", "reasoning"] as const) {
    const parts = [...running.parts, { type: begins, text: "lo" }];
    expect(reduce(reading, delta({ at: 2, begins }))).toMatchObject({ running: { index: 8, parts } });
  }
  for (const at of [0, 1, 3]) expect(reduce(reading, delta({ at, begins: "text" }))).toBe("gap");
});

test("part-4: a delta adds to a tool's input while that is written, and to nothing else that is no text", () => {
  const writing = { ...reading, running: { ...running, parts: [call("writing")] } };
  const once = reduce(writing, delta({ at: 0, text: '{"q":' }));
  expect(once).toMatchObject({ running: { parts: [call("writing", { inputText: '{"q":' })] } });
  const others: Part[] = [
    call("running", { input: { q: 1 } }),
    { type: "data", name: "chart", value: [1] },
    { type: "source", url: "https://example.org" },
    { type: "file", blob: "b1", mediaType: "text/plain", name: "a.txt", bytes: 3 },
    { type: "child", session: "ann/research", agent: "reader", state: "running", text: "so far" },
  ];
  for (const other of others) {
    const held = { ...reading, running: { ...running, parts: [other] } };
    expect(reduce(held, delta({ at: 0 }))).toBe("gap");
  }
});

test("frame-5: rewind replaces the running step's parts, at any index above the last, and no other step's", () => {
  const parts = [text("He")];
  expect(reduce(reading, rewind({ index: 19, parts }))).toEqual({
    ...reading,
    running: { ...running, index: 19, parts },
  });
  expect(reduce(reading, rewind({ attempt: 4 }))).toMatchObject({
    running: { attempt: 4, index: 8, parts: [], steps: running.steps },
  });
});

test("frame-8: a part stands at its place, or behind the others", () => {
  expect(reduce(reading, part())).toMatchObject({ running: { index: 8, parts: [...running.parts, call("running")] } });
  expect(reduce(reading, part({ at: 0 }))).toMatchObject({ running: { parts: [call("running"), text("Hel")] } });
  expect(reduce(reading, part({ at: 3 }))).toBe("gap");
});

test("grow-2, frame-6: what a superseded step or attempt wrote, or what the reader has, is ignored", () => {
  for (const more of [
    { attempt: 2 },
    { attempt: 2, index: 99 },
    { step: 1, attempt: 9, index: 99 },
    { index: 7 },
    { index: 1 },
    { attempt: 4, index: 7 },
  ]) {
    for (const frame of [delta(more), part(more), rewind(more)]) expect(reduce(reading, frame)).toBe("ignored");
  }
});

test("grow-2, frame-6: what a turn wrote that has ended is ignored, whether another runs or none", () => {
  const late = { turn: 1, step: 9, index: 99 };
  for (const frame of [delta(late), part(late), rewind(late)]) {
    expect(reduce(reading, frame)).toBe("ignored");
    expect(reduce({ ...reading, running: null }, frame)).toBe("ignored");
  }
});

test("grow-3: a missing index is a gap, but for a rewind; so is a turn or a step that the reader knows nothing of", () => {
  for (const more of [{ index: 9 }, { attempt: 4, index: 9 }]) {
    for (const frame of [delta(more), part(more)]) expect(reduce(reading, frame)).toBe("gap");
    expect(reduce(reading, rewind(more))).toMatchObject({ running: { index: 9, parts: [] } });
  }
  for (const more of [{ turn: 3, step: 1, attempt: 1, index: 1 }, { step: 3 }, { step: 3, attempt: 1 }]) {
    for (const frame of [delta(more), part(more), rewind(more)]) expect(reduce(reading, frame)).toBe("gap");
  }
  for (const frame of [delta(), part(), rewind()]) expect(reduce({ ...reading, running: null }, frame)).toBe("gap");
});

test("grow-3: a delta to a place where nothing stands is a gap", () => {
  expect(reduce(reading, delta({ at: 2 }))).toBe("gap");
});

test("grow-4: a higher attempt goes on from the parts there are, and supersedes the one before", () => {
  const after = reduce(reading, delta({ attempt: 4 }));
  expect(after).toMatchObject({ running: { attempt: 4, index: 8, parts: [{ text: "hm" }, { text: "Hello" }] } });
  if (typeof after === "string") expect.fail(after);
  expect(reduce(after, delta({ attempt: 3, index: 9 }))).toBe("ignored");
});

test("end-1, end-2: a reader that holds the step keeps its parts, and stands at the next step", () => {
  const patch: PatchOperation[] = [{ op: "add", path: "/topics/-", value: "rain" }];
  expect(reduce(reading, stepEnded({ patch }))).toEqual({
    ...reading,
    version: 6,
    state: { mood: 0, topics: ["tea", "rain"] },
    running: {
      ...running,
      steps: [...running.steps, { step: 2, attempt: 3, parts: running.parts }],
      step: 3,
      attempt: 1,
      parts: [],
    },
  });
});

test("end-1: a reader that does not hold the step takes the parts it is given; without them it has a gap", () => {
  const parts = [text("Good day.")];
  for (const index of [6, 8, 0]) {
    for (const end of [stepEnded, turnEnded]) expect(reduce(reading, end({ index }))).toBe("gap");
    const steps = [...running.steps, { step: 2, attempt: 5, parts }];
    expect(reduce(reading, stepEnded({ index, attempt: 5, parts }))).toMatchObject({ running: { steps, step: 3 } });
    expect(reduce(reading, turnEnded({ index, attempt: 5, parts }))).toMatchObject({ turns: [{ turn: 1 }, { steps }] });
  }
});

test("end-1: parts that an end brings count, also for a reader that stands where it ends", () => {
  expect(reduce(reading, turnEnded({ parts: [] }))).toMatchObject({
    turns: [{ turn: 1 }, { steps: [{ step: 1 }, { step: 2, parts: [] }] }],
  });
});

test("end-1: an attempt that wrote nothing, or that nobody knows, ends what the reader holds by its index", () => {
  for (const attempt of [0, 4]) {
    const steps = [...running.steps, { step: 2, attempt, parts: running.parts }];
    expect(reduce(reading, turnEnded({ attempt }))).toMatchObject({ turns: [{ turn: 1 }, { steps }] });
  }
});

test("end-1: the end of a step that is not the running one is a gap, with its parts or without", () => {
  for (const step of [1, 3]) {
    for (const more of [{ step }, { step, parts: [text("x")] }]) {
      for (const end of [stepEnded, turnEnded]) expect(reduce(reading, end(more))).toBe("gap");
    }
  }
});

test("end-2, grow-1: the index goes on through the steps of a turn", () => {
  const after = reduce(reading, stepEnded());
  if (typeof after === "string") expect.fail(after);
  const next = { step: 3, attempt: 1, at: 0, begins: "text" } as const;
  expect(reduce(after, delta({ ...next, index: 8 }))).toMatchObject({ running: { index: 8, parts: [text("lo")] } });
  expect(reduce(after, delta({ ...next, index: 9 }))).toBe("gap");
  expect(reduce(after, delta({ ...next, index: 1 }))).toBe("ignored");
  // What the step before still wrote is void.
  expect(reduce(after, delta({ index: 8 }))).toBe("ignored");
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
