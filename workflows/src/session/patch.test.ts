import type { Json, JsonObject } from "@holdfast/contract/json";
import { applyPatch } from "rfc6902";
import { expect, test } from "vitest";
import { agentState } from "./agent-state.ts";
import { patchBetween } from "./patch.ts";

function patchOf(before: JsonObject, after: JsonObject) {
  return patchBetween(agentState(before), agentState(after));
}

test.for<[JsonObject, JsonObject]>([
  [{}, { a: 1 }],
  [{ a: 1 }, {}],
  [
    { a: 1, b: 2 },
    { b: 3, c: null },
  ],
  [{ a: { b: { c: [1, { d: 2 }] } } }, { a: { b: { c: [1, { d: 3 }] } } }],
  [{ a: [] }, { a: [1, 2] }],
  [{ a: [1, 2, 3] }, { a: [] }],
  [{ a: [1, 2, 3, 4, 5, 6] }, { a: [6, 5, 4, 3, 2, 1, 0] }],
  [{ a: [1, 2] }, { a: { 0: 1 } }],
  [{ "a/b~c": 1 }, { "a/b~c": [2] }],
  [{ a: 1 }, { a: [null] }],
  [{ a: null }, { a: 0 }],
  [{ constructor: { a: 1, b: 2 } }, { constructor: { a: 3 }, b: 4 }],
  [{ a: { prototype: [1, 2] } }, { a: { prototype: [1, 9, 3] } }],
  [{ prototype: { constructor: { a: { b: 1 } } } }, { prototype: { constructor: { a: { b: 2 } } } }],
  [{ a: 1 }, { constructor: { a: 1 } }],
  [{ constructor: { a: 1 } }, {}],
])("frame-3: the patch turns one state into the other: %j → %j", ([before, after]) => {
  const copy = structuredClone(before);
  expect(applyPatch(copy, patchOf(before, after))).toSatisfy((results: unknown[]) => results.every((r) => r === null));
  expect(copy).toEqual(after);
});

test("frame-3: what did not change is not in the patch", () => {
  expect(patchOf({ a: [1, 2], b: { c: 1 } }, { b: { c: 1 }, a: [1, 2] })).toEqual([]);
  expect(patchOf({ a: [1, 2], b: 1 }, { a: [1, 2, 3], b: 1 })).toEqual([{ op: "add", path: "/a/-", value: 3 }]);
  expect(patchOf({ a: [1, 2, 3] }, { a: [1, 9, 3] })).toEqual([{ op: "replace", path: "/a/1", value: 9 }]);
});

test("arrays as long as a state can hold are compared, not aligned", () => {
  const numbers = (from: number): Json[] => Array.from({ length: 20_000 }, (_, i) => from + i);
  expect(patchOf({ a: numbers(0) }, { a: numbers(1) })).toEqual([{ op: "replace", path: "/a", value: numbers(1) }]);
});
