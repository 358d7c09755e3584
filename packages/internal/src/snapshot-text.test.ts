import type { Snapshot } from "@holdfast/contract/snapshot";
import type { Input, Question, Step } from "@holdfast/contract/turn";
import { expect, test } from "vitest";
import { readSnapshot, readSnapshotText } from "./snapshot-text.ts";

const input: Input = {
  by: "ann",
  producer: "p",
  seq: 1,
  origin: "user",
  at: 0,
  text: "hi",
  data: { deep: [1, { a: null }] },
};
const steps: Step[] = [{ step: 1, attempt: 1, parts: [{ type: "text", text: "a" }] }];
const questions: Question[] = [{ id: "q1", title: "Sure?", of: "owner" }];
const snapshot: Snapshot = {
  version: 3,
  agent: "echo",
  state: { seen: 1 },
  turns: [{ turn: 1, origin: "user", inputs: [input], steps, outcome: "completed", finish: "stop" }],
  running: {
    turn: 2,
    origin: "user",
    inputs: [input],
    steps,
    step: 2,
    attempt: 2,
    index: 7,
    parts: [{ type: "reasoning", text: "b" }],
    questions,
  },
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
    { ...snapshot, turns: [{ ...snapshot.turns[0], steps: [{ step: 1, attempt: 1, parts: ["a"] }] }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], turn: 3 }] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], outcome: "unknown" }] },
    { ...snapshot, turns: [...snapshot.turns, ...snapshot.turns] },
    { ...snapshot, turns: [{ ...snapshot.turns[0], inputs: [{ ...input, seq: "1" }] }] },
    { ...snapshot, running: { ...snapshot.running, inputs: "none" } },
    { ...snapshot, running: { ...snapshot.running, turn: 3 } },
    { ...snapshot, running: { ...snapshot.running, step: 3 } },
    { ...snapshot, running: { ...snapshot.running, parts: [{}] } },
    { ...snapshot, running: { ...snapshot.running, questions: undefined } },
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
