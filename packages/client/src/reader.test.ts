import { emptySnapshot, type Snapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { ChainedFrame, ReceivedFrame } from "./received-frame.ts";
import { Reader } from "./reader.ts";

const chained = (frame: ChainedFrame): ReceivedFrame => ({ kind: "chained", frame });
const snapshotAt = (id: string, snapshot: Partial<Snapshot> = {}): ReceivedFrame => ({
  kind: "snapshot",
  frame: { type: "snapshot", id, snapshot: { ...emptySnapshot("echo"), ...snapshot } },
});
const started = (id: string, prev: string, version = 1, turn = 1): ReceivedFrame =>
  chained({ type: "turn.started", id, prev, version, turn, agent: "echo", inputs: [], applied: {} });
const delta = (id: string, prev: string, index: number, text: string): ReceivedFrame =>
  chained({ type: "delta", id, prev, turn: 1, step: 1, attempt: 1, index, text });

/** A reader whose session was opened and answered with an empty snapshot at cursor "1". */
function openedReader(): Reader {
  const reader = new Reader();
  reader.begin();
  reader.read(snapshotAt("1"));
  expect(reader.begun(false)).toBe("going");
  return reader;
}

test("open-1: without a place the reader opens without a cursor, then with the last accepted id and its version", () => {
  const reader = new Reader();
  expect(reader.begin()).toEqual({});
  reader.read(snapshotAt("1"));
  reader.read(started("2", "1"));
  expect(reader.begin()).toEqual({ cursor: "2", version: 1 });
});

test("chain-1: a frame is accepted only if its prev is the last id", () => {
  const reader = openedReader();
  expect(reader.read(started("2", "1"))).toBe("applied");
  expect(reader.read(delta("3", "2", 1, "a"))).toBe("applied");
  expect(reader.snapshot?.running?.text).toBe("a");
});

test("chain-3: a broken chain asks to open again with the cursor, once", () => {
  const reader = openedReader();
  expect(reader.read(started("3", "2"))).toBe("broken");
  expect(reader.read(delta("4", "3", 1, "a"))).toBe("dropped");
  expect(reader.begin()).toEqual({ cursor: "1", version: 0 });
});

test("chain-3, frame-2: a gap in versions asks to open again without a cursor", () => {
  const reader = openedReader();
  expect(reader.read(started("2", "1", 3))).toBe("gap");
  expect(reader.begin()).toEqual({});
});

test("chain-3, frame-4: a gap in indexes asks to open again without a cursor", () => {
  const reader = openedReader();
  reader.read(started("2", "1"));
  expect(reader.read(delta("3", "2", 2, "b"))).toBe("gap");
  expect(reader.begin()).toEqual({});
});

test("chain-3: a frame that cannot be read, or a patch that does not fit, is a gap", () => {
  const unreadable = openedReader();
  expect(unreadable.read({ kind: "malformed", issue: "text" })).toBe("gap");
  const unfitting = openedReader();
  const patch = [{ op: "remove" as const, path: "/nothing" }];
  expect(unfitting.read(chained({ type: "state.patched", id: "2", prev: "1", version: 1, patch }))).toBe("gap");
  expect(unfitting.begin()).toEqual({});
});

test("frame-7: an unknown type moves the place in the chain and changes nothing", () => {
  const reader = openedReader();
  const before = reader.snapshot;
  expect(reader.read({ kind: "unknown", type: "mood", id: "2", prev: "1" })).toBe("ignored");
  expect(reader.snapshot).toBe(before);
  expect(reader.read(started("3", "2"))).toBe("applied");
});

test("open-4: while an open is under way, frames of the delivery before it are dropped", () => {
  const reader = openedReader();
  expect(reader.read(started("3", "2"))).toBe("broken");
  reader.begin();
  expect(reader.read(delta("4", "3", 1, "late"))).toBe("dropped");
  expect(reader.read(started("2", "1"))).toBe("applied");
  expect(reader.begun(true)).toBe("going");
});

test("open-2: frames that come before the answer count, and one missing among them is noticed at the answer", () => {
  const reader = new Reader();
  reader.begin();
  expect(reader.read(snapshotAt("1"))).toBe("applied");
  expect(reader.read(started("3", "2"))).toBe("dropped");
  expect(reader.begun(true)).toBe("again");
  expect(reader.begin()).toEqual({ cursor: "1", version: 0 });
});

test("open-2: when the answer says that a snapshot comes first, the place held before counts no more", () => {
  const reader = openedReader();
  reader.begin();
  expect(reader.begun(false)).toBe("going");
  expect(reader.settled).toBe(false);
  expect(reader.read(started("2", "1"))).toBe("gap");
  reader.begin();
  reader.read(snapshotAt("7"));
  expect(reader.begun(false)).toBe("going");
  expect(reader.settled).toBe(true);
});

test("open-3: before the snapshot nothing else is accepted; if the edge never sends one, the session is opened again", () => {
  const reader = new Reader();
  reader.begin();
  expect(reader.read(started("2", "1"))).toBe("dropped");
  expect(reader.begun(true)).toBe("going");
  expect(reader.read(started("2", "1"))).toBe("gap");
});

test("snap-4: a reader that was ahead takes the snapshot all the same", () => {
  const reader = openedReader();
  reader.read(started("2", "1"));
  reader.read(delta("3", "2", 1, "ahead"));
  expect(reader.read(snapshotAt("9", { version: 0 }))).toBe("applied");
  expect(reader.snapshot).toMatchObject({ version: 0, running: null });
  expect(reader.read(started("10", "9"))).toBe("applied");
});

test("snap-1: what a later snapshot repeats keeps its identity", () => {
  const reader = openedReader();
  const turns = [{ turn: 1, inputs: [], outcome: "completed" as const, finish: "stop" as const, text: "one" }];
  reader.read(snapshotAt("2", { version: 2, turns, state: { mood: { now: "calm" }, count: 1 } }));
  const before = reader.snapshot;
  const again = structuredClone({
    turns: [
      ...turns,
      { ...turns[0], turn: 2, inputs: [], outcome: "completed" as const, finish: "stop" as const, text: "two" },
    ],
  });
  reader.read(snapshotAt("3", { version: 4, ...again, state: { mood: { now: "calm" }, count: 2 } }));
  expect(reader.snapshot?.turns[0]).toBe(before?.turns[0]);
  expect(reader.snapshot?.state["mood"]).toBe(before?.state["mood"]);
  expect(reader.snapshot?.state["count"]).toBe(2);
});
