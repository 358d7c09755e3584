import { expect, test } from "vitest";
import { readBatch } from "./batch.ts";

const input = { seq: 1, kind: "input", text: "hi" };

test.for([undefined, null, 1, "x", [], {}, { runs: 1 }, { runs: {} }])(
  "a payload that is no batch is dropped: %j",
  (payload) => {
    expect(readBatch(payload)).toEqual({ runs: [], malformed: 1 });
  },
);

test.for([
  null,
  {},
  { producer: "p", at: 1 },
  { producer: "", at: 1, events: [] },
  { producer: 1, at: 1, events: [input] },
  { producer: "p", at: "1", events: [input] },
  { producer: "p", events: [input] },
])("a malformed run is dropped, the others are kept: %j", (run) => {
  const good = { producer: "p", at: 1, events: [input] };
  expect(readBatch({ runs: [run, good] })).toEqual({ runs: [good], malformed: 1 });
});

test.for([
  null,
  "x",
  { kind: "input", text: "hi" },
  { ...input, seq: 0 },
  { ...input, seq: 1.5 },
  { ...input, seq: "1" },
  { ...input, text: 1 },
  { seq: 1, kind: "observe" },
  { seq: 1, kind: "other", text: "hi", name: "hi" },
])("a malformed event is dropped, the others are kept: %j", (event) => {
  const observe = { seq: 2, kind: "observe", name: "click", data: { x: 1 } };
  const batch = readBatch({ runs: [{ producer: "p", at: 1, events: [input, event, observe] }] });
  expect(batch).toEqual({ runs: [{ producer: "p", at: 1, events: [input, observe] }], malformed: 1 });
});
