import { chainedFrameSchema, frameSchema } from "@holdfast/contract/frames";
import { expect, test } from "vitest";
import { readFrameText, readLogFrame } from "./log-frame.ts";

const chain = { id: "2-1", prev: "1-1" };
const started = { type: "turn.started", ...chain, version: 1, turn: 1, agent: "echo", origin: "user", applied: {} };
const delta = { type: "delta", ...chain, turn: 1, step: 1, attempt: 1, index: 3, at: 0, text: "x" };

test("version-4: a frame keeps what a later release put into it, however deep", () => {
  const input = { by: "ann", producer: "p", seq: 1, origin: "user", at: 0, text: "hi", device: { kind: "phone" } };
  const frame = { ...started, inputs: [input], since: [{ a: null }] };
  expect(readLogFrame(frame)).toEqual(frame);
  const json = JSON.stringify(frame);
  expect(readFrameText(json)).toEqual({
    type: "turn.started",
    ...chain,
    version: 1,
    turn: 1,
    applied: {},
    json,
  });
});

test("grow-1, end-1, notice-1: of each type of frame an edge knows what places it, and nothing of what it says", () => {
  const growing = { ...chain, turn: 2, step: 3, attempt: 4, index: 5 };
  const versioned = { ...chain, version: 6, turn: 2 };
  const part = { type: "text", text: "x" };
  const end = { attempt: 4, index: 5, parts: [part], patch: [] };
  const frames: [object, object][] = [
    [
      { type: "delta", ...growing },
      { at: 0, begins: "text", text: "x" },
    ],
    [
      { type: "part", ...growing },
      { at: 0, part },
    ],
    [{ type: "rewind", ...growing }, { parts: [part] }],
    [{ type: "step.ended", ...versioned, step: 3 }, end],
    [
      { type: "turn.ended", ...versioned },
      { ...end, step: 3, outcome: "completed", finish: "stop" },
    ],
    [{ type: "turn.waiting", ...versioned }, { questions: [] }],
    [{ type: "inputs.joined", ...versioned, applied: { "ann/p": 2 } }, { inputs: [] }],
    [{ type: "state.patched", ...chain, version: 6 }, { patch: [] }],
    [{ type: "notice", ...chain }, { name: "typing" }],
    [
      { type: "turn.started", ...versioned, applied: { "ann/p": 1 } },
      { agent: "echo", origin: "user", inputs: [] },
    ],
  ];
  const types = chainedFrameSchema.options.map((option) => option.shape.type.value);
  expect(new Set(frames.map(([envelope]) => "type" in envelope && envelope.type))).toEqual(new Set(types));
  for (const [envelope, rest] of frames) {
    const frame = { ...envelope, ...rest };
    expect(readLogFrame(frame)).toEqual(frame);
    const json = JSON.stringify(frame);
    expect(readFrameText(json)).toEqual({ ...envelope, json });
    for (const member of Object.keys(envelope)) {
      expect(readFrameText(JSON.stringify({ ...frame, [member]: undefined }))).toBeUndefined();
    }
  }
});

test("frame-7, version-4: a frame of a later release's type is its place in the chain, and goes on as it was", () => {
  const usage = { type: "turn.usage", ...chain, tokens: { input: 3 }, text: "é\u{1F600}" };
  expect(readLogFrame(usage)).toEqual({ type: "foreign", ...chain, whole: usage });
  const json = JSON.stringify(usage);
  expect(readFrameText(json)).toEqual({ type: "foreign", ...chain, json });
});

test("version-3: what has no place in the chain, or is of a known type and not of its shape, is no frame", () => {
  const unchained = { type: "turn.usage", id: chain.id };
  for (const raw of [unchained, { ...started, inputs: "none" }, { type: "delta", ...chain }, { ...chain }, null, "x"]) {
    expect(readLogFrame(raw)).toBeUndefined();
  }
});

test("chain-3: a text that is no JSON, or of a known type and without what places it, is not passed on", () => {
  const bad = [
    { ...delta, index: undefined },
    { ...started, version: undefined },
    { ...delta, index: 0 },
    { ...started, applied: { x: "many" } },
    { ...chain },
    null,
  ];
  for (const raw of bad) expect(readFrameText(JSON.stringify(raw))).toBeUndefined();
  const whole = JSON.stringify(delta);
  for (const text of ["", "{", whole.slice(0, -1), `${whole},`, `${whole}]`, `[${whole}]`]) {
    expect(readFrameText(text)).toBeUndefined();
  }
});

test("chain-3: resync stands in the log and is never sent to a client", () => {
  const resync = { type: "resync", ...chain };
  expect(readLogFrame(resync)).toEqual(resync);
  expect(readFrameText(JSON.stringify(resync))).toMatchObject(resync);
  expect(frameSchema.safeParse(resync).success).toBe(false);
  expect(readLogFrame({ type: "snapshot", id: "1-1", snapshot: {} })).toBeUndefined();
});
