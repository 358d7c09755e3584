import { emptySnapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { shareObject, shareSnapshot } from "./sharing.ts";

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

test("an unchanged snapshot keeps turns, running turn and state", () => {
  const turn = { turn: 1, inputs: [], outcome: "completed" as const, finish: "stop" as const, text: "x" };
  const running = { turn: 2, inputs: [], step: 1, attempt: 1, index: 1, text: "y" };
  const before = { ...emptySnapshot("echo"), version: 3, turns: [turn], running, state: { a: 1 } };
  const after = shareSnapshot(before, structuredClone(before));
  expect(after.turns).toBe(before.turns);
  expect(after.running).toBe(before.running);
  expect(after.state).toBe(before.state);
});
