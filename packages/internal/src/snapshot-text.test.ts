import type { Snapshot } from "@holdfast/contract/snapshot";
import { expect, test } from "vitest";
import { readSnapshot, readSnapshotText } from "./snapshot-text.ts";

const input = {
  by: "ann",
  producer: "p",
  seq: 1,
  origin: "user" as const,
  at: 1,
  text: "hi",
  data: { deep: [1, { a: null }] },
};
const step = { step: 1, attempt: 2, parts: [{ type: "text" as const, text: "a" }] };
const begun = { origin: "user" as const, inputs: [input] };
const snapshot: Snapshot = {
  version: 3,
  agent: "echo",
  state: { seen: 1 },
  turns: [{ turn: 1, ...begun, steps: [step], outcome: "completed", finish: "stop" }],
  running: { turn: 2, ...begun, steps: [step], step: 2, attempt: 1, index: 7, parts: step.parts, questions: [] },
  applied: { "ann/p": 1 },
};

test("snap-1, version-4: a snapshot is passed on as it was written, with what a later release put into it", () => {
  const later = { ...snapshot, title: "x", turns: snapshot.turns.map((turn) => ({ ...turn, later: [{}] })) };
  const json = JSON.stringify(later);
  expect(readSnapshotText(json)).toMatchObject({
    json,
    version: 3,
    applied: { "ann/p": 1 },
    running: { turn: 2, step: 2, attempt: 1, index: 7 },
  });
  expect(readSnapshot(json)).toEqual(snapshot);
});

test("snap-2: what is not a valid snapshot is none, whether it is passed on or read", () => {
  const flawed: unknown[] = [
    { ...snapshot, version: -1 },
    { ...snapshot, state: [] },
    { ...snapshot, state: null },
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: undefined }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: [{ ...step, parts: [{ text: "a" }] }] }] },
    { ...snapshot, running: { ...snapshot.running, steps: [] } },
    { ...snapshot, running: { ...snapshot.running, parts: "none" } },
    { ...snapshot, turns: [{ ...snapshot.turns[0], turn: 3 }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], outcome: "unknown" }] },
    { ...snapshot, turns: [...snapshot.turns, ...snapshot.turns] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], inputs: [{ ...input, seq: "1" }] }] },
    { ...snapshot, running: { ...snapshot.running, inputs: "none" } },
    { ...snapshot, running: { ...snapshot.running, turn: 3 } },
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
