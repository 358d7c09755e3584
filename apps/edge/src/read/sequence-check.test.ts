import type { FrameEnvelope } from "@holdfast/internal";
import { expect, test } from "vitest";
import { SequenceCheck } from "./sequence-check.ts";

const chain = { id: "1", prev: "0" };
function started(version: number, turn: number): FrameEnvelope {
  return { type: "turn.started", ...chain, version, turn, applied: {} };
}
function ended(version: number, turn: number): FrameEnvelope {
  return { type: "turn.ended", ...chain, version, turn };
}
function grows(type: "delta" | "part" | "rewind", turn: number, index: number): FrameEnvelope {
  return { type, ...chain, turn, step: 1, attempt: 1, index };
}

test("frame-2: versions that count on are whole, a jump is a gap, an old one is nothing", () => {
  const sequence = new SequenceCheck(4);
  expect(sequence.accept(started(5, 1))).toBe(true);
  expect(sequence.accept(ended(5, 1))).toBe(true);
  expect(sequence.accept(ended(6, 1))).toBe(true);
  expect(sequence.accept(started(8, 2))).toBe(false);
});

test("grow-3: growing frames count on within a turn; a rewind may have any index above", () => {
  const sequence = new SequenceCheck(0);
  sequence.accept(started(1, 1));
  expect(sequence.accept(grows("delta", 1, 1))).toBe(true);
  expect(sequence.accept(grows("rewind", 1, 7))).toBe(true);
  expect(sequence.accept(grows("part", 1, 8))).toBe(true);
  expect(sequence.accept(grows("delta", 1, 10))).toBe(false);
});

test("grow-2: what a turn made that ended is nothing, and a new turn counts from 1", () => {
  const sequence = new SequenceCheck(0);
  for (const frame of [started(1, 1), grows("delta", 1, 1), ended(2, 1), started(3, 2)]) sequence.accept(frame);
  expect(sequence.accept(grows("delta", 1, 9))).toBe(true);
  expect(sequence.accept(grows("delta", 2, 2))).toBe(false);
});

test("a reader that does not say its version is taken at its first frame's", () => {
  const sequence = new SequenceCheck(undefined);
  expect(sequence.accept(grows("delta", 3, 12))).toBe(true);
  expect(sequence.accept(ended(9, 3))).toBe(true);
  expect(sequence.accept(started(11, 4))).toBe(false);
});

test("snap-3: after a snapshot deltas go on from its index", () => {
  const sequence = SequenceCheck.afterSnapshot({
    json: "",
    version: 3,
    applied: {},
    running: { turn: 2, step: 2, attempt: 1, index: 5 },
  });
  expect(sequence.accept(grows("delta", 2, 6))).toBe(true);
  expect(sequence.accept(grows("delta", 2, 8))).toBe(false);
});

test("version-2: a frame of a later release's type raises no version and no index", () => {
  const sequence = new SequenceCheck(0);
  const foreign = (): boolean => sequence.accept({ type: "foreign", ...chain });
  expect([foreign(), sequence.accept(started(1, 1)), foreign(), sequence.accept(grows("delta", 1, 1))]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(sequence.accept(grows("delta", 1, 3))).toBe(false);
});

test("grow-1: the index goes on over the steps of a turn; end-1: a step's end raises the version", () => {
  const sequence = new SequenceCheck(0);
  sequence.accept(started(1, 1));
  sequence.accept(grows("delta", 1, 1));
  expect(sequence.accept({ type: "step.ended", ...chain, version: 2, turn: 1, step: 1 })).toBe(true);
  expect(sequence.accept(grows("delta", 1, 3))).toBe(false);
  expect(sequence.accept({ type: "turn.waiting", ...chain, version: 4, turn: 1 })).toBe(false);
});

test("a `resync` is always a gap", () => {
  expect(new SequenceCheck(0).accept({ type: "resync", ...chain })).toBe(false);
});
