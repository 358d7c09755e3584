import { expect, test } from "vitest";
import { isRetryable, wireError, wireErrorSchema } from "./errors.ts";
import { frameSchema } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { authSchema, commandRequestSchema, openRequestSchema, sendRequestSchema } from "./requests.ts";

const send = { session: "chat", producer: "tab-1", events: [{ seq: 1, kind: "input", text: "hi" }] };
const delta = { type: "delta", id: "2-1", prev: "1-1", turn: 1, step: 1, attempt: 1, index: 1, text: "a" };

test("send-1: events ascend, at least one and at most eventsPerSend", () => {
  const events = (...seqs: number[]) => ({
    ...send,
    events: seqs.map((seq) => ({ seq, kind: "observe", name: "click" })),
  });
  expect(sendRequestSchema.safeParse(send).success).toBe(true);
  expect(sendRequestSchema.safeParse(events(3, 4, 9)).success).toBe(true);
  for (const seqs of [[], [2, 2], [2, 1], [0], [1.5], [Number.MAX_SAFE_INTEGER + 2]]) {
    expect(sendRequestSchema.safeParse(events(...seqs)).success).toBe(false);
  }
  const most = Array.from({ length: LIMITS.eventsPerSend }, (_, i) => i + 1);
  expect(sendRequestSchema.safeParse(events(...most)).success).toBe(true);
  expect(sendRequestSchema.safeParse(events(...most, most.length + 1)).success).toBe(false);
});

test("send-2, send-3: an input has text, an observe a name; data is any JSON", () => {
  const of = (event: object) => sendRequestSchema.safeParse({ ...send, events: [event] }).success;
  for (const data of [null, 0, "", [], {}, { a: [{ b: null }] }]) {
    expect(of({ seq: 1, kind: "input", text: "x", data })).toBe(true);
    expect(of({ seq: 1, kind: "observe", name: "click", data })).toBe(true);
  }
  for (const event of [
    { seq: 1, kind: "input", text: "" },
    { seq: 1, kind: "input", name: "x" },
    { seq: 1, kind: "other" },
  ]) {
    expect(of(event)).toBe(false);
  }
  expect(of({ seq: 1, kind: "observe", name: "a/b" })).toBe(false);
  expect(of({ seq: 1, kind: "input", text: "x", data: () => {} })).toBe(false);
});

test("req-2: unknown members of a request are invalid, the path says which", () => {
  for (const [schema, request] of [
    [openRequestSchema, { session: "chat", cursr: "1" }],
    [sendRequestSchema, { ...send, evnts: [] }],
    [commandRequestSchema, { session: "chat", id: "1", name: "interrupt", arg: {} }],
  ] as const) {
    const parsed = schema.safeParse(request);
    expect(parsed.error?.issues[0]?.message).toMatch(/Unrecognized key/);
  }
});

test("req-2: unknown members of what the edge sends are left out, not refused", () => {
  expect(frameSchema.parse({ ...delta, later: true })).toEqual(delta);
  expect(wireErrorSchema.parse({ code: "busy", message: "m", retryAfterMs: 5, later: 1 })).toEqual({
    code: "busy",
    message: "m",
    retryAfterMs: 5,
  });
});

test("connect-2: auth has a token and a protocol version", () => {
  expect(authSchema.safeParse({ token: "t", protocol: 1 }).success).toBe(true);
  for (const auth of [
    {},
    { token: "", protocol: 1 },
    { token: "t" },
    { token: "t", protocol: 2 },
    { token: 1, protocol: 1 },
    null,
  ]) {
    expect(authSchema.safeParse(auth).success).toBe(false);
  }
});

test("chain-1: every frame but a snapshot has id and prev; a delta carries text, a rewind may be empty", () => {
  expect(frameSchema.safeParse(delta).success).toBe(true);
  for (const part of ["id", "prev", "turn", "step", "attempt", "index", "text"]) {
    expect(frameSchema.safeParse({ ...delta, [part]: undefined }).success).toBe(false);
  }
  expect(frameSchema.safeParse({ ...delta, text: "" }).success).toBe(false);
  expect(frameSchema.safeParse({ ...delta, type: "rewind", text: "" }).success).toBe(true);
});

test("err-1: an error has a code, says what to do, and when it may be repeated", () => {
  expect(wireError("busy", "256 inputs wait.", { retryAfterMs: 100 })).toEqual({
    code: "busy",
    message: "256 inputs wait. Resend after `retryAfterMs`.",
    retryAfterMs: 100,
  });
  expect(isRetryable(wireError("busy"))).toBe(true);
  expect(isRetryable(wireError("invalid"))).toBe(false);
});
