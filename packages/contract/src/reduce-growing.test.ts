import { expect, test } from "vitest";
import type { PatchOperation } from "./frames.ts";
import type { Part } from "./parts.ts";
import {
  call,
  delta,
  part,
  reading,
  reduce,
  rewind,
  running,
  stepEnded,
  text,
  turnEnded,
} from "../test/reduce-fixture.ts";

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

test("frame-6: a part stands at its place, or behind the others", () => {
  expect(reduce(reading, part())).toMatchObject({ running: { index: 8, parts: [...running.parts, call("running")] } });
  expect(reduce(reading, part({ at: 0 }))).toMatchObject({ running: { parts: [call("running"), text("Hel")] } });
  expect(reduce(reading, part({ at: 3 }))).toBe("gap");
});

test("grow-2: what a superseded step or attempt wrote, or what the reader has, is ignored", () => {
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

test("grow-2: what a turn wrote that has ended is ignored, whether another runs or none", () => {
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
  for (const more of [{ turn: 3, step: 1, attempt: 1, index: 1 }, { step: 3 }, { step: 3, attempt: 1, index: 1 }]) {
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
