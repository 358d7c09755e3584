import { frameSchema } from "@holdfast/contract/frames";
import { expect, test } from "vitest";
import { encodeLogFrame, readLogFrame } from "./log-frame.ts";

const chain = { id: "2-1", prev: "1-1" };
const started = { type: "turn.started", ...chain, version: 1, turn: 1, agent: "echo", applied: {} };

test("version-4: a frame keeps what a later release put into it, however deep", () => {
  const input = { by: "ann", producer: "p", seq: 1, text: "hi", device: { kind: "phone" } };
  const frame = { ...started, inputs: [input], since: [{ a: null }] };
  const read = readLogFrame(frame);
  expect(read).toEqual(frame);
  expect(read && JSON.parse(encodeLogFrame(read))).toEqual(frame);
});

test("frame-7, version-4: a frame of a later release's type is its place in the chain, and goes on as it was", () => {
  const usage = { type: "turn.usage", ...chain, tokens: { input: 3 }, text: "é\u{1F600}" };
  const read = readLogFrame(usage);
  expect(read).toMatchObject({ type: "foreign", ...chain });
  expect(read && JSON.parse(encodeLogFrame(read))).toEqual(usage);
});

test("version-3: what has no place in the chain, or is of a known type and not of its shape, is no frame", () => {
  const unchained = { type: "turn.usage", id: chain.id };
  for (const raw of [unchained, { ...started, inputs: "none" }, { type: "delta", ...chain }, { ...chain }, null, "x"]) {
    expect(readLogFrame(raw)).toBeUndefined();
  }
});

test("chain-3: resync stands in the log and is never sent to a client", () => {
  const resync = { type: "resync", ...chain };
  expect(readLogFrame(resync)).toEqual(resync);
  expect(frameSchema.safeParse(resync).success).toBe(false);
  expect(readLogFrame({ type: "snapshot", id: "1-1", snapshot: {} })).toBeUndefined();
});
