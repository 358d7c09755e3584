import { expect, test } from "vitest";
import { isRetryable, wireError, wireErrorSchema } from "./errors.ts";
import { frameSchema } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import {
  authSchema,
  closeRequestSchema,
  commandRequestSchema,
  historyAckSchema,
  historyRequestSchema,
  openRequestSchema,
  renewRequestSchema,
  sendRequestSchema,
} from "./requests.ts";

const send = { session: "chat", producer: "tab-1", events: [{ seq: 1, kind: "input", text: "hi" }] };
const chained = { id: "2-1", prev: "1-1" };
const growing = { ...chained, turn: 1, step: 1, attempt: 1, index: 1 };
const delta = { type: "delta", ...growing, at: 0, text: "a" };

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
  expect(of({ seq: 1, kind: "input", id: "message-7", text: "x" })).toBe(true);
  expect(of({ seq: 1, kind: "input", id: "message 7", text: "x" })).toBe(false);
  expect(of({ seq: 1, kind: "input", text: "x", data: () => {} })).toBe(false);
});

test("req-2: unknown members of a request are invalid, the path says which", () => {
  for (const [schema, request] of [
    [openRequestSchema, { session: "chat", cursr: "1" }],
    [sendRequestSchema, { ...send, evnts: [] }],
    [sendRequestSchema, { ...send, events: [{ seq: 1, kind: "input", text: "hi", origin: "user" }] }],
    [commandRequestSchema, { session: "chat", id: "1", name: "interrupt", arg: {} }],
    [historyRequestSchema, { session: "chat", before: 9, after: 1 }],
    [closeRequestSchema, { session: "chat", id: "1" }],
    [renewRequestSchema, { token: "t", protocol: 1 }],
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
  const accepts = (frame: object): boolean => frameSchema.safeParse(frame).success;
  const whole = [
    delta,
    { type: "part", ...growing, at: 3, part: { type: "source" } },
    { type: "rewind", ...growing, parts: [] },
    { type: "notice", ...chained, name: "typing" },
  ];
  for (const frame of whole) {
    expect(accepts(frame)).toBe(true);
    for (const member of Object.keys(frame)) expect(accepts({ ...frame, [member]: undefined })).toBe(false);
  }
  for (const more of [{ text: "" }, { begins: "tool" }, { at: -1 }, { index: 0 }, { step: 0 }]) {
    expect(accepts({ ...delta, ...more })).toBe(false);
  }
});

test("history-1: turns before a turn, 50 at most", () => {
  const accepts = (request: object): boolean => historyRequestSchema.safeParse({ session: "chat", ...request }).success;
  for (const request of [{ before: 1 }, { before: 40, limit: 1 }, { before: 40, limit: LIMITS.historyTurns }]) {
    expect(accepts(request)).toBe(true);
  }
  for (const request of [{}, { before: 0 }, { before: 1.5 }, { before: 9, limit: 0 }, { before: 9, limit: 51 }]) {
    expect(accepts(request)).toBe(false);
  }
});

test("history-1, history-2: the answer has turns and says whether there are older ones, or has an error", () => {
  const turn = { turn: 7, origin: "user", inputs: [], steps: [], outcome: "completed", finish: "stop" };
  for (const answer of [
    { ok: true, turns: [], more: false },
    { ok: true, turns: [turn], more: true },
    { ok: false, error: wireError("unavailable") },
  ]) {
    expect(historyAckSchema.parse(answer)).toEqual(answer);
  }
  expect(historyAckSchema.safeParse({ ok: true, turns: [turn] }).success).toBe(false);
});

test("trace-1: a trace context is the W3C's, in lower case, and may be left out", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const command = { session: "chat", id: "1", name: "interrupt" };
  expect(sendRequestSchema.safeParse({ ...send, traceparent }).success).toBe(true);
  expect(commandRequestSchema.safeParse({ ...command, traceparent }).success).toBe(true);
  for (const wrong of ["", traceparent.toUpperCase(), `${traceparent}-00`, traceparent.slice(3), 1]) {
    expect(sendRequestSchema.safeParse({ ...send, traceparent: wrong }).success).toBe(false);
    expect(commandRequestSchema.safeParse({ ...command, traceparent: wrong }).success).toBe(false);
  }
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
