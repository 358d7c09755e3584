import { expect, test } from "vitest";
import type { Frame, PatchOperation } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { markOf } from "./marks.ts";
import { boundTurns, reduceFrame } from "./reduce.ts";
import { emptySnapshot, type Snapshot, type Turn } from "./snapshot.ts";

const chained = { id: "2-1", prev: "1-1" };
const input = { by: "ann", producer: "tab-1", seq: 3, text: "hello" };

/** A reader at version 5 that has seen turn 1 end and 4 text frames of turn 2's step 2, attempt 3. */
const reading: Snapshot = frozen({
  version: 5,
  agent: "concierge",
  state: { mood: 0, topics: ["tea"] },
  turns: [{ turn: 1, inputs: [], outcome: "completed", finish: "stop", text: "first" }],
  running: { turn: 2, inputs: [input], step: 2, attempt: 3, index: 4, text: "Hel" },
  applied: { "ann/tab-1": 3 },
});

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** The snapshot a frame makes, or what became of it instead. */
function reduce(before: Snapshot, frame: Frame): Snapshot | "ignored" | "gap" {
  const reduction = reduceFrame(before, frozen(frame));
  return reduction.outcome === "applied" ? reduction.snapshot : reduction.outcome;
}

function text(
  type: "delta" | "rewind",
  more: { turn?: number; step?: number; attempt?: number; index?: number },
): Frame {
  return { type, ...chained, turn: 2, step: 2, attempt: 3, index: 5, text: "lo", ...more };
}

function ended(type: "turn.completed" | "turn.interrupted", version: number, patch: PatchOperation[] = []): Frame {
  return { type, ...chained, version, turn: 2, text: "Hello!", finish: "stop", patch };
}

test("frame-1, snap-4: a snapshot replaces everything, also by an older version", () => {
  expect(reduce(reading, { type: "snapshot", id: "9-9", snapshot: emptySnapshot("x") })).toEqual(emptySnapshot("x"));
});

test("ack-2: of many producers the marks of those heard of last are kept, one for each", () => {
  let held: Snapshot = { ...reading, running: null, applied: { "ann/first": 1, "ann/second": 1 } };
  const took = (producer: string, seq: number): void => {
    const { version } = held;
    const frame: Frame = {
      type: "turn.started",
      ...chained,
      version: version + 1,
      turn: version,
      agent: "concierge",
      inputs: [{ by: "ann", producer, seq, text: "hello" }],
      applied: { [markOf("ann", producer)]: seq },
    };
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

test("frame-2: turn.started begins an empty turn and raises the version and the applied marks", () => {
  const before: Snapshot = { ...reading, running: null, applied: { "ann/tab-1": 3, "ann/tab-2": 8 } };
  const frame: Frame = {
    type: "turn.started",
    ...chained,
    version: 6,
    turn: 2,
    agent: "other",
    inputs: [input],
    applied: { "ann/tab-1": 4 },
  };
  expect(reduce(before, frame)).toEqual({
    ...before,
    version: 6,
    agent: "other",
    running: { turn: 2, inputs: [input], step: 1, attempt: 1, index: 0, text: "" },
    applied: { "ann/tab-1": 4, "ann/tab-2": 8 },
  });
});

test("frame-2: a version that is not above the reader's is ignored, one above the next is a gap", () => {
  const versioned = (version: number): Frame[] => [
    { type: "turn.started", ...chained, version, turn: 3, agent: "a", inputs: [], applied: {} },
    ended("turn.completed", version),
    {
      type: "turn.failed",
      ...chained,
      version,
      turn: 2,
      text: "",
      finish: "error",
      patch: [],
      error: { code: "c", message: "m" },
    },
    { type: "state.patched", ...chained, version, patch: [{ op: "remove", path: "/mood" }] },
  ];
  for (const version of [1, 5]) for (const frame of versioned(version)) expect(reduce(reading, frame)).toBe("ignored");
  for (const version of [7, 99]) for (const frame of versioned(version)) expect(reduce(reading, frame)).toBe("gap");
  for (const frame of versioned(6)) expect(reduce(reading, frame)).toMatchObject({ version: 6 });
});

test("frame-3: a turn's end commits its whole text with the turn's inputs, and patches the state", () => {
  const patch: PatchOperation[] = [
    { op: "replace", path: "/mood", value: 0.5 },
    { op: "add", path: "/topics/-", value: "rain" },
  ];
  const turn: Turn = { turn: 2, inputs: [input], outcome: "interrupted", finish: "stop", text: "Hello!" };
  expect(reduce(reading, ended("turn.interrupted", 6, patch))).toEqual({
    ...reading,
    version: 6,
    running: null,
    turns: [...reading.turns, turn],
    state: { mood: 0.5, topics: ["tea", "rain"] },
  });
});

test("frame-3: a failed turn carries its error and what it had said, a completed one has no error", () => {
  const error = { code: "model_unavailable", message: "retries exhausted" };
  const failed = reduce(reading, {
    type: "turn.failed",
    ...chained,
    version: 6,
    turn: 2,
    text: "Hel",
    finish: "error",
    patch: [],
    error,
  });
  expect(failed).toMatchObject({
    turns: [{ turn: 1 }, { turn: 2, outcome: "failed", finish: "error", text: "Hel", error }],
  });
  expect(reduce(reading, ended("turn.completed", 6))).toMatchObject({ turns: [{ turn: 1 }, { outcome: "completed" }] });
});

test("frame-3: state.patched changes the state and lets the turn run", () => {
  const patched = reduce(reading, {
    type: "state.patched",
    ...chained,
    version: 6,
    patch: [{ op: "remove", path: "/mood" }],
  });
  expect(patched).toEqual({ ...reading, version: 6, state: { topics: ["tea"] } });
});

test("frame-3: the first patch starts from the empty state of version 0", () => {
  const patch: PatchOperation[] = [{ op: "add", path: "/mood", value: 1 }];
  expect(reduce(emptySnapshot("a"), { type: "state.patched", ...chained, version: 1, patch })).toMatchObject({
    state: { mood: 1 },
  });
});

test("frame-3: a patch that does not fit throws and leaves what the reader holds", () => {
  const frame: Frame = { type: "state.patched", ...chained, version: 6, patch: [{ op: "remove", path: "/absent" }] };
  expect(() => reduce(reading, frame)).toThrow("/absent");
  expect(reading.state).toEqual({ mood: 0, topics: ["tea"] });
});

test("frame-4: the next delta adds to the text", () => {
  expect(reduce(reading, text("delta", {}))).toMatchObject({
    version: 5,
    running: { text: "Hello", index: 5, inputs: [input] },
  });
  expect(reduce(reading, text("delta", { attempt: 4 }))).toMatchObject({ running: { attempt: 4, text: "Hello" } });
  expect(reduce(reading, text("delta", { step: 3, attempt: 1 }))).toMatchObject({
    running: { step: 3, attempt: 1, text: "Hello" },
  });
});

test("frame-4: a delta of a superseded step or attempt, or with an index the reader has, is ignored", () => {
  for (const more of [{ attempt: 2 }, { step: 1, attempt: 9 }, { index: 4 }, { index: 1 }, { attempt: 4, index: 4 }]) {
    expect(reduce(reading, text("delta", more))).toBe("ignored");
  }
});

test("frame-4: a delta more than one index ahead, or of a turn the reader does not know, is a gap", () => {
  expect(reduce(reading, text("delta", { index: 6 }))).toBe("gap");
  expect(reduce(reading, text("delta", { turn: 3, index: 1 }))).toBe("gap");
  expect(reduce({ ...reading, running: null }, text("delta", {}))).toBe("gap");
});

test("frame-5: rewind replaces the text, at any index above the last", () => {
  expect(reduce(reading, text("rewind", { index: 9 }))).toMatchObject({ running: { text: "lo", index: 9 } });
  expect(reduce(reading, text("rewind", { index: 4 }))).toBe("ignored");
  expect(reduce(reading, text("rewind", { attempt: 1, index: 9 }))).toBe("ignored");
  expect(reduce(reading, text("rewind", { turn: 3, index: 9 }))).toBe("gap");
});

test("frame-6: partial text of a turn that has ended is ignored", () => {
  for (const type of ["delta", "rewind"] as const) {
    expect(reduce(reading, text(type, { turn: 1, step: 9, index: 99 }))).toBe("ignored");
    expect(reduce({ ...reading, running: null }, text(type, { turn: 1 }))).toBe("ignored");
  }
});

test("snap-2: the newest turns are kept, bounded by their number", () => {
  const turns = Array.from({ length: LIMITS.snapshotTurns + 5 }, (_, i) => turnOf(i + 1, 1));
  expect(boundTurns(turns).map(({ turn }) => turn)).toEqual(turns.slice(5).map(({ turn }) => turn));
  const few = turns.slice(0, 7);
  expect(boundTurns(few)).toEqual(few);
  expect(boundTurns([])).toEqual([]);
});

test("snap-2: the newest turns are kept, bounded by their text, and the newest always", () => {
  const half = LIMITS.snapshotTextBytes / 2;
  expect(boundTurns([turnOf(1, 1), turnOf(2, half), turnOf(3, half)]).map(({ turn }) => turn)).toEqual([2, 3]);
  expect(boundTurns([turnOf(1, 1), turnOf(2, half), turnOf(3, half + 1)]).map(({ turn }) => turn)).toEqual([3]);
  expect(boundTurns([turnOf(1, 1), turnOf(2, 10 * half)]).map(({ turn }) => turn)).toEqual([2]);
});

test("snap-2: a reader bounds its turns as the session does", () => {
  const turns = Array.from({ length: LIMITS.snapshotTurns }, (_, i) => turnOf(i + 1, 1));
  const running = { turn: turns.length + 1, inputs: [], step: 1, attempt: 1, index: 0, text: "" };
  const frame: Frame = {
    type: "turn.completed",
    ...chained,
    version: 6,
    turn: running.turn,
    text: "",
    finish: "stop",
    patch: [],
  };
  const reduced = reduce({ ...reading, turns, running }, frame);
  expect(reduced).toMatchObject({ turns: { length: LIMITS.snapshotTurns, 0: { turn: 2 } } });
});

/** A turn with `length` characters of text, half of them its input's. */
function turnOf(turn: number, length: number): Turn {
  const asked = { by: "ann", producer: "p", seq: turn, text: "q".repeat(Math.floor(length / 2)) };
  return { turn, inputs: [asked], outcome: "completed", finish: "stop", text: "a".repeat(Math.ceil(length / 2)) };
}
