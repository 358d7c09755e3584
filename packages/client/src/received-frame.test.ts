import { expect, test } from "vitest";
import { receiveFrame } from "./received-frame.ts";

const delta = { type: "delta", id: "2-0", prev: "1-0", turn: 1, step: 1, attempt: 1, index: 1, text: "a" };

test("req-2: members the contract does not name are dropped", () => {
  expect(receiveFrame({ ...delta, later: true })).toEqual({ kind: "chained", frame: delta });
});

test("frame-7: a frame of an unknown type keeps its place in the chain", () => {
  const received = receiveFrame({ type: "mood.changed", id: "2-0", prev: "1-0", mood: "calm" });
  expect(received).toEqual({ kind: "unknown", type: "mood.changed", id: "2-0", prev: "1-0" });
});

test("req-2: a frame of a known type with the wrong shape is malformed, and the issue says where", () => {
  const received = receiveFrame({ ...delta, index: 0 });
  expect(received.kind).toBe("malformed");
  expect(received).toHaveProperty("issue", expect.stringContaining("index"));
});

test("req-2: what is not a frame at all is malformed", () => {
  expect([null, 7, "delta", [], { type: "strange" }].map((raw) => receiveFrame(raw).kind)).toEqual(
    Array.from({ length: 5 }, () => "malformed"),
  );
});

test("snap-1: a snapshot is told apart from the chained frames", () => {
  const snapshot = { version: 0, agent: "echo", state: {}, turns: [], running: null, applied: {} };
  expect(receiveFrame({ type: "snapshot", id: "0", snapshot }).kind).toBe("snapshot");
});
