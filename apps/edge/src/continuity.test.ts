import { emptySnapshot } from "@holdfast/contract";
import { type LogFrame } from "@holdfast/internal";
import { expect, test } from "vitest";
import { Continuity } from "./continuity.ts";

const chain = { id: "1", prev: "0" };
function started(version: number, turn: number): LogFrame {
  return { type: "turn.started", ...chain, version, turn, agent: "echo", inputs: [], applied: {} };
}
function completed(version: number, turn: number): LogFrame {
  return { type: "turn.completed", ...chain, version, turn, text: "", finish: "stop", patch: [] };
}
function text(type: "delta" | "rewind", turn: number, index: number): LogFrame {
  return { type, ...chain, turn, step: 1, attempt: 1, index, text: "x" };
}

test("frame-2: versions that count on are whole, a jump is a gap, an old one is nothing", () => {
  const continuity = new Continuity(4);
  expect(continuity.accept(started(5, 1))).toBe(true);
  expect(continuity.accept(completed(5, 1))).toBe(true);
  expect(continuity.accept(completed(6, 1))).toBe(true);
  expect(continuity.accept(started(8, 2))).toBe(false);
});

test("frame-4: deltas count on within a turn; frame-5: a rewind may have any index above", () => {
  const continuity = new Continuity(0);
  continuity.accept(started(1, 1));
  expect(continuity.accept(text("delta", 1, 1))).toBe(true);
  expect(continuity.accept(text("rewind", 1, 7))).toBe(true);
  expect(continuity.accept(text("delta", 1, 8))).toBe(true);
  expect(continuity.accept(text("delta", 1, 10))).toBe(false);
});

test("frame-6: text of a turn that ended is nothing, and a new turn counts from 1", () => {
  const continuity = new Continuity(0);
  for (const frame of [started(1, 1), text("delta", 1, 1), completed(2, 1), started(3, 2)]) continuity.accept(frame);
  expect(continuity.accept(text("delta", 1, 9))).toBe(true);
  expect(continuity.accept(text("delta", 2, 2))).toBe(false);
});

test("a reader that does not say its version is taken at its first frame's", () => {
  const continuity = new Continuity(undefined);
  expect(continuity.accept(text("delta", 3, 12))).toBe(true);
  expect(continuity.accept(completed(9, 3))).toBe(true);
  expect(continuity.accept(started(11, 4))).toBe(false);
});

test("snap-3: after a snapshot deltas go on from its index", () => {
  const running = { turn: 2, inputs: [], step: 1, attempt: 1, index: 5, text: "so far" };
  const continuity = Continuity.of({ ...emptySnapshot("echo"), version: 3, running });
  expect(continuity.accept(text("delta", 2, 6))).toBe(true);
  expect(continuity.accept(text("delta", 2, 8))).toBe(false);
});

test("version-2: a frame of a later release's type raises no version and no index", () => {
  const continuity = new Continuity(0);
  const foreign = (): boolean =>
    continuity.accept({ type: "foreign", ...chain, whole: { type: "turn.usage", ...chain } });
  expect([foreign(), continuity.accept(started(1, 1)), foreign(), continuity.accept(text("delta", 1, 1))]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(continuity.accept(text("delta", 1, 3))).toBe(false);
});

test("a `resync` is always a gap", () => {
  expect(new Continuity(0).accept({ type: "resync", ...chain })).toBe(false);
});
