import { emptySnapshot, type RunningTurn, type Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { shareObject, shareRunningTurn, shareSnapshot } from "./sharing.ts";

test("an equal object is the object before", () => {
  const before = { a: [1, { b: null }], c: "d" };
  expect(shareObject(before, structuredClone(before))).toBe(before);
});

test("a changed member is new, its siblings are the ones before", () => {
  const before = { kept: { deep: [1, 2] }, list: [{ n: 1 }, { n: 2 }], changed: 1 };
  const after = shareObject(before, { kept: { deep: [1, 2] }, list: [{ n: 1 }, { n: 3 }], changed: 2 });
  expect(after).toEqual({ kept: { deep: [1, 2] }, list: [{ n: 1 }, { n: 3 }], changed: 2 });
  expect(after["kept"]).toBe(before.kept);
  expect(after["list"]).not.toBe(before.list);
  expect(after["list"]).toHaveProperty("0", before.list[0]);
});

test("removed and added members, and a change of kind, are seen", () => {
  const before = { gone: 1, kind: [1], empty: null };
  expect(shareObject(before, { kind: { 0: 1 }, empty: {}, fresh: true })).toEqual({
    kind: { 0: 1 },
    empty: {},
    fresh: true,
  });
});

test("a member called __proto__ is a member", () => {
  const after = JSON.parse('{"__proto__": {"admin": true}, "a": 1}');
  const shared = shareObject({ a: 2 }, after);
  expect(Object.keys(shared)).toEqual(["__proto__", "a"]);
  expect("admin" in shared).toBe(false);
});

const turn: Turn = {
  turn: 1,
  origin: "user",
  inputs: [],
  steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text: "x" }] }],
  outcome: "completed",
  finish: "stop",
};
const running: RunningTurn = {
  turn: 2,
  origin: "user",
  inputs: [{ by: "ann", producer: "p", seq: 1, origin: "user", at: 1, text: "hello" }],
  steps: [{ step: 1, attempt: 1, parts: [{ type: "reasoning", text: "hm" }] }],
  step: 2,
  attempt: 1,
  index: 3,
  parts: [
    { type: "tool", call: "c", name: "search", state: "running" },
    { type: "text", text: "y" },
  ],
  questions: [],
};

test("an unchanged snapshot keeps turns, running turn and state", () => {
  const before = { ...emptySnapshot("echo"), version: 3, turns: [turn], running, state: { a: 1 } };
  const after = shareSnapshot(before, structuredClone(before));
  expect(after.turns).toBe(before.turns);
  expect(after.running).toBe(before.running);
  expect(after.state).toBe(before.state);
});

test("of a running turn that went on, inputs, steps and parts that did not change are the ones before", () => {
  const later = structuredClone(running);
  later.index++;
  later.parts[1] = { type: "text", text: "yes" };
  later.parts.push({ type: "data", name: "reading", value: null });
  const shared = shareRunningTurn(running, structuredClone(later));
  expect(shared).toEqual(later);
  expect([shared.inputs, shared.steps, shared.questions]).toEqual([running.inputs, running.steps, running.questions]);
  expect(shared.inputs).toBe(running.inputs);
  expect(shared.steps).toBe(running.steps);
  expect(shared.parts[0]).toBe(running.parts[0]);
  expect(shared.parts[1]).not.toBe(running.parts[1]);
});

test("another turn shares nothing", () => {
  const next = { ...structuredClone(running), turn: 3 };
  expect(shareRunningTurn(running, next)).toBe(next);
  expect(shareRunningTurn(null, next)).toBe(next);
});
