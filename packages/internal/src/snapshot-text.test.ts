import type { Part } from "@holdfast/contract/parts";
import type { Snapshot } from "@holdfast/contract/snapshot";
import type { Input } from "@holdfast/contract/turn";
import { expect, test } from "vitest";
import { readSnapshot, readSnapshotText } from "./snapshot-text.ts";

const input: Input = {
  by: "ann",
  producer: "p",
  seq: 1,
  origin: "user",
  at: 1,
  text: "hi",
  data: { deep: [1, { a: null }] },
};
const parts: Part[] = [
  { type: "text", text: "a" },
  { type: "tool", call: "c", name: "search", state: "done", input: { q: [{}] }, output: null },
  { type: "data", name: "reading", value: [] },
];
const begun = { origin: "user" as const, inputs: [input] };
const step = { step: 1, attempt: 1, parts };
const snapshot: Snapshot = {
  version: 3,
  agent: "echo",
  state: { seen: 1 },
  turns: [{ turn: 1, ...begun, steps: [step], outcome: "completed", finish: "stop" }],
  running: { turn: 2, ...begun, steps: [step], step: 2, attempt: 2, index: 7, parts, questions: [] },
  applied: { "ann/p": 1 },
};

test("snap-1, version-4: a snapshot is passed on as it was written, with what a later release put into it", () => {
  const later = { ...snapshot, title: "x", turns: snapshot.turns.map((turn) => ({ ...turn, later: [{}] })) };
  const json = JSON.stringify(later);
  expect(readSnapshotText(json)).toMatchObject({
    json,
    version: 3,
    applied: { "ann/p": 1 },
    running: { turn: 2, step: 2, attempt: 2, index: 7 },
  });
  expect(readSnapshot(json)).toEqual(snapshot);
});

test("snap-2: what is not a valid snapshot is none, whether it is passed on or read", () => {
  const flawed: unknown[] = [
    { ...snapshot, version: -1 },
    { ...snapshot, state: [] },
    { ...snapshot, state: null },
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: undefined }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: [{ ...step, parts: [{ type: "text" }] }] }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: [{ ...step, parts: [{ type: "data", name: "x" }] }] }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], turn: 3 }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], outcome: "unknown" }] },
    { ...snapshot, turns: [...snapshot.turns, ...snapshot.turns] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], inputs: [{ ...input, seq: "1" }] }] },
    { ...snapshot, running: { ...snapshot.running, inputs: "none" } },
    { ...snapshot, running: { ...snapshot.running, turn: 3 } },
    { ...snapshot, running: { ...snapshot.running, step: 3 } },
    { ...snapshot, running: { ...snapshot.running, steps: [{ ...step, step: 2 }] } },
    { ...snapshot, running: { ...snapshot.running, questions: [{ id: "q" }] } },
    { ...snapshot, applied: { "ann/p": 0 } },
    { ...snapshot, applied: { garbage: 1 } },
    [],
    null,
  ];
  const texts = [...flawed.map((value) => JSON.stringify(value)), "", "{", `${JSON.stringify(snapshot)},`];
  for (const text of texts) {
    expect(readSnapshotText(text)).toBeUndefined();
    expect(readSnapshot(text)).toBeUndefined();
  }
});
