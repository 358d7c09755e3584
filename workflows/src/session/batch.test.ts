import { expect, test } from "vitest";
import { readBatch } from "./batch.ts";

const input = { seq: 1, kind: "input", text: "hi" };
const taken = { seq: 1, event: input };
const of = { by: "ann", producer: "p" };

test("a payload that could not be decoded leaves a dead letter", () => {
  expect(readBatch(undefined)).toEqual({ runs: [], dead: [{ reason: "The signal could not be decoded." }] });
});

test.for([null, 1, "x", [], {}, { runs: 1 }, { runs: {} }])(
  "a payload that is no batch becomes a dead letter with its content: %j",
  (payload) => {
    const { runs, dead } = readBatch(payload);
    expect(runs).toEqual([]);
    expect(dead).toMatchObject([{ content: JSON.stringify(payload) }]);
  },
);

test.for([null, {}, of])("a malformed run becomes a dead letter, the others are taken: %j", (run) => {
  const { runs, dead } = readBatch({ runs: [run, { ...of, at: 1, events: [input] }] });
  expect(runs).toEqual([{ ...of, at: 1, events: [taken] }]);
  expect(dead).toMatchObject([{ content: JSON.stringify(run) }]);
});

test.for([
  { producer: "p" },
  { by: "ann" },
  { by: "a/b", producer: "p" },
  { by: "ann", producer: "p/q" },
  { by: 1, producer: "p" },
])("send-7: events that do not say whose they are become dead letters: %j", (whose) => {
  const { runs, dead } = readBatch({ runs: [{ ...whose, at: 1, events: [input, { ...input, seq: 2 }] }] });
  expect(runs).toEqual([]);
  expect(dead).toMatchObject([
    { seq: 1, kind: "input" },
    { seq: 2, kind: "input" },
  ]);
});

test("a clock that is none costs no event", () => {
  expect(readBatch({ runs: [{ ...of, at: "noon", events: [input] }] })).toEqual({
    runs: [{ ...of, at: 0, events: [taken] }],
    dead: [],
  });
});

test.for([
  null,
  "x",
  { kind: "input", text: "hi" },
  { ...input, seq: 0 },
  { ...input, seq: 1.5 },
  { ...input, seq: "1" },
])("an event without a number becomes a dead letter, the others are taken: %j", (event) => {
  const { runs, dead } = readBatch({ runs: [{ ...of, at: 1, events: [input, event] }] });
  expect(runs).toEqual([{ ...of, at: 1, events: [taken] }]);
  expect(dead).toMatchObject([{ ...of, reason: "The event has no number.", content: JSON.stringify(event) }]);
});

test.for([
  { seq: 1, kind: "input", text: 1 },
  { seq: 1, kind: "observe" },
  { seq: 1, kind: "approve", text: "hi", name: "hi" },
])("an event of another kind, or not as its kind is, keeps its number: %j", (event) => {
  const observe = { seq: 2, kind: "observe", name: "click", data: { x: 1 } };
  const { runs, dead } = readBatch({ runs: [{ ...of, at: 1, events: [event, observe] }] });
  expect(dead).toEqual([]);
  expect(runs).toMatchObject([
    {
      ...of,
      events: [
        { seq: 1, dead: { ...of, seq: 1, kind: event.kind, content: JSON.stringify(event) } },
        { seq: 2, event: observe },
      ],
    },
  ]);
});
