import type { Json, JsonObject } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { applyPatch } from "rfc6902";
import { expect, test } from "vitest";
import { agentState, patchBetween, StateTooLargeError, withValue } from "./agent-state.ts";

test("a state is what its JSON says, and shares nothing with what it was made of", () => {
  const made = { list: [1] };
  const state = agentState(made);
  made.list.push(2);
  expect(state.value).toEqual({ list: [1] });
  expect(withValue(state, { list: [1] })).toBe(state);
  expect(withValue(state, { list: [2] }).value).toEqual({ list: [2] });
});

test("frame-3: members called __proto__ are dropped, wherever they are; text that says it is not", () => {
  const made: JsonObject = JSON.parse(
    '{"a":{"__proto__":{"b":1},"c":["\\"__proto__\\":"]},"__proto__":2,"d":[{"__proto__":3}]}',
  );
  const state = agentState(made);
  expect(state.json).toBe('{"a":{"c":["\\"__proto__\\":"]},"d":[{}]}');
  expect(JSON.stringify(state.value)).toBe(state.json);
});

test("turn-5: a state over the limit is refused, counted in bytes", () => {
  const room = LIMITS.stateBytes - '{"t":""}'.length;
  expect(() => agentState({ t: "x".repeat(room) })).not.toThrow();
  expect(() => agentState({ t: "x".repeat(room + 1) })).toThrow(StateTooLargeError);
  expect(() => agentState({ t: "€".repeat(room / 2) })).toThrow(StateTooLargeError);
});

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
