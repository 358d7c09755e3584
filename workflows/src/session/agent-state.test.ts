import type { JsonObject } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { expect, test } from "vitest";
import { agentState, StateTooLargeError, withValue } from "./agent-state.ts";

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
