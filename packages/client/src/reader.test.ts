import { emptySnapshot, textOf, type Part, type PatchOperation, type Snapshot, type Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { FrameBody } from "../test/scripted-session.ts";
import { Reader, receiveFrame, type ReceivedFrame } from "./reader.ts";

const snapshotAt = (id: string, snapshot: Partial<Snapshot> = {}): ReceivedFrame => ({
  kind: "snapshot",
  frame: { type: "snapshot", id, snapshot: { ...emptySnapshot("echo"), ...snapshot } },
});
const chained = (id: string, prev: string, body: FrameBody): ReceivedFrame => ({
  kind: "chained",
  frame: { ...body, id, prev },
});
const started = (id: string, prev: string, version = 1, turn = 1): ReceivedFrame =>
  chained(id, prev, { type: "turn.started", version, turn, agent: "echo", origin: "user", inputs: [], applied: {} });
/** The first delta begins the text. */
const delta = (id: string, prev: string, index: number, text: string): ReceivedFrame =>
  chained(id, prev, {
    type: "delta",
    turn: 1,
    step: 1,
    attempt: 1,
    index,
    at: 0,
    ...(index === 1 && { begins: "text" }),
    text,
  });
const turnOf = (turn: number, text: string): Turn => ({
  turn,
  origin: "user",
  inputs: [],
  steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text }] }],
  outcome: "completed",
  finish: "stop",
});

/** A reader whose session was opened and answered with an empty snapshot at cursor "1". */
function openedReader(): Reader {
  const reader = new Reader();
  reader.begin();
  reader.read(snapshotAt("1"));
  expect(reader.begun(false)).toBe("going");
  return reader;
}

const textRead = (reader: Reader): string | undefined => {
  const running = reader.snapshot?.running;
  return running ? textOf(running) : undefined;
};

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
  expect(textRead(reader)).toBe("a");
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

test("chain-3, grow-3: a gap in indexes asks to open again without a cursor", () => {
  const reader = openedReader();
  reader.read(started("2", "1"));
  expect(reader.read(delta("3", "2", 2, "b"))).toBe("gap");
  expect(reader.begin()).toEqual({});
});

test("chain-3, end-1: an end whose parts the reader neither holds nor is given is a gap; a snapshot has them", () => {
  const reader = openedReader();
  reader.read(started("2", "1"));
  reader.read(delta("3", "2", 1, "a"));
  const end = chained("4", "3", {
    type: "turn.ended",
    version: 2,
    turn: 1,
    outcome: "completed",
    finish: "stop",
    step: 1,
    attempt: 1,
    index: 2,
    patch: [],
  });
  expect(reader.read(end)).toBe("gap");
  expect(reader.begin()).toEqual({});
  reader.read(snapshotAt("4", { version: 2, turns: [turnOf(1, "all")] }));
  expect(reader.transcript.turns.map(textOf)).toEqual(["all"]);
});

test("chain-3: a frame that cannot be read, or a patch that does not fit, is a gap", () => {
  const unreadable = openedReader();
  expect(unreadable.read({ kind: "malformed", issue: "text" })).toBe("gap");
  const patches: PatchOperation[] = [
    { op: "remove", path: "/nothing" },
    { op: "add", path: "/mood/deeper", value: 1 },
  ];
  for (const operation of patches) {
    const unfitting = new Reader();
    unfitting.begin();
    unfitting.read(snapshotAt("1", { state: { mood: "calm" } }));
    unfitting.begun(false);
    expect(unfitting.read(chained("2", "1", { type: "state.patched", version: 1, patch: [operation] }))).toBe("gap");
    expect(unfitting.begin()).toEqual({});
  }
});

test("frame-7, version-3: an unknown type moves the place in the chain and changes nothing", () => {
  const reader = openedReader();
  const before = reader.snapshot;
  expect(reader.read({ kind: "unknown", type: "mood", id: "2", prev: "1" })).toBe("ignored");
  expect(reader.snapshot).toBe(before);
  expect(reader.read(started("3", "2"))).toBe("applied");
});

test("notice-1: a notice moves the place in the chain and leaves the snapshot the same object", () => {
  const reader = openedReader();
  const before = reader.snapshot;
  expect(reader.read(chained("2", "1", { type: "notice", name: "typing" }))).toBe("applied");
  expect(reader.snapshot).toBe(before);
  expect(reader.begin()).toEqual({ cursor: "2", version: 0 });
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
  const turns = [turnOf(1, "one")];
  reader.read(snapshotAt("2", { version: 2, turns, state: { mood: { now: "calm" }, count: 1 } }));
  const before = reader.snapshot;
  const again = structuredClone({ turns: [...turns, turnOf(2, "two")] });
  reader.read(snapshotAt("3", { version: 4, ...again, state: { mood: { now: "calm" }, count: 2 } }));
  expect(reader.snapshot?.turns[0]).toBe(before?.turns[0]);
  expect(reader.snapshot?.state["mood"]).toBe(before?.state["mood"]);
  expect(reader.snapshot?.state["count"]).toBe(2);
});

test("frame-5: parts that a rewind repeats keep their identity", () => {
  const reader = openedReader();
  reader.read(started("2", "1"));
  const tool: Part = { type: "tool", call: "c", name: "search", state: "done" };
  const growing = { turn: 1, step: 1, attempt: 1 };
  reader.read(chained("3", "2", { type: "part", ...growing, index: 1, at: 0, part: tool }));
  reader.read(chained("4", "3", { type: "delta", ...growing, index: 2, at: 1, begins: "text", text: "Well" }));
  const parts: Part[] = [structuredClone(tool), { type: "text", text: "" }];
  expect(reader.read(chained("5", "4", { type: "rewind", ...growing, attempt: 2, index: 3, parts }))).toBe("applied");
  expect(reader.snapshot?.running?.parts).toEqual(parts);
  expect(reader.snapshot?.running?.parts[0]).toBe(tool);
});

const received = { type: "delta", id: "2-0", prev: "1-0", turn: 1, step: 1, attempt: 1, index: 1, at: 0, text: "a" };

test("version-3: members the contract does not name are dropped", () => {
  expect(receiveFrame({ ...received, later: true })).toEqual({ kind: "chained", frame: received });
});

test("frame-7, version-3: a frame of an unknown type keeps its place in the chain", () => {
  const unknown = receiveFrame({ type: "mood.changed", id: "2-0", prev: "1-0", mood: "calm" });
  expect(unknown).toEqual({ kind: "unknown", type: "mood.changed", id: "2-0", prev: "1-0" });
});

test("version-3: a frame of a known type with the wrong shape is malformed, and the issue says where", () => {
  const malformed = receiveFrame({ ...received, index: 0 });
  expect(malformed.kind).toBe("malformed");
  expect(malformed).toHaveProperty("issue", expect.stringContaining("index"));
});

test("version-3: what is not a frame at all is malformed", () => {
  expect([null, 7, "delta", [], { type: "strange" }].map((raw) => receiveFrame(raw).kind)).toEqual(
    Array.from({ length: 5 }, () => "malformed"),
  );
});

test("snap-1: a snapshot is told apart from the chained frames", () => {
  const snapshot = { version: 0, agent: "echo", state: {}, turns: [], running: null, applied: {} };
  expect(receiveFrame({ type: "snapshot", id: "0", snapshot }).kind).toBe("snapshot");
});
