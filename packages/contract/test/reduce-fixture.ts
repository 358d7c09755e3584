/** For the tests of the reducer: a reader in mid-turn, and the frames that may come next to it. */
import { expect } from "vitest";
import { type Frame, type FrameOf, frameSchema, type PatchOperation } from "../src/frames.ts";
import type { Part } from "../src/parts.ts";
import { reduceFrame } from "../src/reduce.ts";
import type { Snapshot } from "../src/snapshot.ts";
import type { Input } from "../src/turn.ts";

export const chained = { id: "2-1", prev: "1-1" };
export const input: Input = {
  by: "ann",
  producer: "tab-1",
  seq: 3,
  origin: "user",
  at: 1_700_000_000_000,
  text: "hello",
};
export const text = (said: string): Part => ({ type: "text", text: said });
export const call = (state: "writing" | "running", more = {}): Part => ({
  type: "tool",
  call: "2.2.0",
  name: "look",
  state,
  ...more,
});

/** A reader at version 5. Turn 1 has ended, so has step 1 of turn 2; of step 2 it has seen three growing frames of attempt 3. */
export const reading = frozen<Snapshot>({
  version: 5,
  agent: "concierge",
  state: { mood: 0, topics: ["tea"] },
  turns: [
    {
      turn: 1,
      origin: "user",
      inputs: [],
      steps: [{ step: 1, attempt: 1, parts: [text("first")] }],
      outcome: "completed",
      finish: "stop",
    },
  ],
  running: {
    turn: 2,
    origin: "user",
    inputs: [input],
    steps: [{ step: 1, attempt: 2, parts: [text("So. ")] }],
    step: 2,
    attempt: 3,
    index: 7,
    parts: [{ type: "reasoning", text: "hm" }, text("Hel")],
    questions: [],
  },
  applied: { "ann/tab-1": 3 },
});
export const running = reading.running ?? expect.fail();

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

/** The snapshot that a frame makes, or what became of it instead. */
export function reduce(before: Snapshot, frame: Frame): Snapshot | "ignored" | "gap" {
  expect(frameSchema.parse(frame)).toEqual(frame);
  const reduction = reduceFrame(before, frozen(frame));
  return reduction.outcome === "applied" ? reduction.snapshot : reduction.outcome;
}

export const delta = (more: Partial<FrameOf<"delta">> = {}): Frame => ({
  type: "delta",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  at: 1,
  text: "lo",
  ...more,
});
export const part = (more: Partial<FrameOf<"part">> = {}): Frame => ({
  type: "part",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  at: 2,
  part: call("running"),
  ...more,
});
export const rewind = (more: Partial<FrameOf<"rewind">> = {}): Frame => ({
  type: "rewind",
  ...chained,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 8,
  parts: [],
  ...more,
});
export const stepEnded = (more: Partial<FrameOf<"step.ended">> = {}): Frame => ({
  type: "step.ended",
  ...chained,
  version: 6,
  turn: 2,
  step: 2,
  attempt: 3,
  index: 7,
  patch: [],
  ...more,
});
export const turnEnded = (more: Partial<FrameOf<"turn.ended">> = {}): Frame => ({
  type: "turn.ended",
  ...chained,
  version: 6,
  turn: 2,
  outcome: "completed",
  finish: "stop",
  step: 2,
  attempt: 3,
  index: 7,
  patch: [],
  ...more,
});
export const waiting = (more: Partial<FrameOf<"turn.waiting">> = {}): Frame => ({
  type: "turn.waiting",
  ...chained,
  version: 6,
  turn: 2,
  questions: [{ id: "q1", title: "Refund 120 €?", of: { role: "manager" }, call: "2.2.0", until: 1_700_086_400_000 }],
  ...more,
});
export const joined = (more: Partial<FrameOf<"inputs.joined">> = {}): Frame => ({
  type: "inputs.joined",
  ...chained,
  version: 6,
  turn: 2,
  inputs: [{ ...input, seq: 4, text: "and short" }],
  applied: { "ann/tab-1": 4 },
  ...more,
});
export const started = (more: Partial<FrameOf<"turn.started">> = {}): Frame => ({
  type: "turn.started",
  ...chained,
  version: 6,
  turn: 2,
  agent: "concierge",
  origin: "user",
  inputs: [input],
  applied: { "ann/tab-1": 4 },
  ...more,
});
export const patched = (patch: PatchOperation[], version = 6): Frame => ({
  type: "state.patched",
  ...chained,
  version,
  patch,
});
