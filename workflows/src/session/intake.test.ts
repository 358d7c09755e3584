import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { DeadLetterBox, readBatch } from "./intake.ts";

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

test.for(["noon", 1.5, -1, null])("a clock that is none costs no event: %j", (at) => {
  expect(readBatch({ runs: [{ ...of, at, events: [input] }] })).toEqual({
    runs: [{ ...of, at: 0, events: [taken] }],
    dead: [],
  });
});

test("trace-1: a trace goes along, and one that is none costs no event", () => {
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const traces = [traceparent, traceparent.toUpperCase(), 1];
  const { runs } = readBatch({ runs: traces.map((trace) => ({ ...of, at: 1, traceparent: trace, events: [input] })) });
  const bare = { ...of, at: 1, events: [taken] };
  expect(runs).toEqual([{ ...bare, traceparent }, bare, bare]);
});

test("send-2: an input keeps the name its client gave it", () => {
  const named = { ...input, id: "m-1" };
  const { runs } = readBatch({ runs: [{ ...of, at: 1, events: [named] }] });
  expect(runs).toEqual([{ ...of, at: 1, events: [{ seq: 1, event: named }] }]);
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
  { seq: 1, kind: "input", text: "hi", id: "a b" },
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

test("the oldest dead letters give way, and are counted; what is kept survives being carried over", () => {
  const box = new DeadLetterBox();
  for (let seq = 1; seq <= 100; seq++) box.add({ reason: "no such kind", producer: "p", seq });
  const after = new DeadLetterBox(JSON.parse(JSON.stringify(box.all)));
  after.add({ reason: "no such kind", producer: "p", seq: 101 });
  expect(after.all.dropped).toBe(37);
  expect(after.all.letters.map((letter) => letter.seq)).toEqual(Array.from({ length: 64 }, (_, n) => 38 + n));
});

test("contents are bounded, each and together", () => {
  const box = new DeadLetterBox();
  for (let seq = 1; seq <= 5; seq++) box.add({ reason: "too long", seq, content: "x".repeat(1024 * 1024) });
  expect(box.all.letters.map(({ seq, content }) => [seq, content?.length])).toEqual([
    [4, LIMITS.eventBytes],
    [5, LIMITS.eventBytes],
  ]);
  expect(box.all.dropped).toBe(3);
});
