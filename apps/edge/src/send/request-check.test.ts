import { LIMITS, openRequestSchema } from "@holdfast/contract";
import { expect, test } from "vitest";
import { checkRequest, checkSend, sendPlaceOf } from "./request-check.ts";

const input = (text: string) => ({ seq: 1, kind: "input", text });
const send = (event: unknown) => checkSend({ session: "s", producer: "p", events: [event] });

test("req-2: what is wrong is named, and unknown members are wrong", () => {
  expect(checkRequest(openRequestSchema, { session: "s", colour: "red" })).toMatchObject({
    outcome: "refused",
    error: { code: "invalid" },
  });
  expect(checkRequest(openRequestSchema, "s")).toMatchObject({ outcome: "refused", error: { code: "invalid" } });
  expect(send({ seq: 0, kind: "input", text: "x" })).toMatchObject({
    error: { code: "invalid", message: expect.stringContaining("events.0.seq") },
  });
  expect(send({ seq: 1, kind: "wish" })).toMatchObject({ error: { code: "invalid" } });
});

test("req-2: nested too deep is `invalid`, and overflows nothing", () => {
  const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  expect(send({ seq: 1, kind: "observe", name: "n", data: nested(90) })).toMatchObject({ outcome: "valid" });
  expect(send({ seq: 1, kind: "observe", name: "n", data: nested(100_000) })).toMatchObject({
    error: { code: "invalid", message: expect.stringContaining("100 levels") },
  });
});

test("req-2, version-5: a member called __proto__ is `invalid` wherever it is, and not left out", () => {
  for (const data of ['{"__proto__":{"a":1},"b":2}', '[[{"__proto__":null}]]']) {
    expect(send({ seq: 1, kind: "observe", name: "n", data: JSON.parse(data) })).toMatchObject({
      error: { code: "invalid", message: expect.stringContaining("has a member called __proto__.") },
    });
  }
  const text = 'not {"__proto__": 1} in a text';
  expect(send({ seq: 1, kind: "observe", name: "n", data: { text } })).toMatchObject({ outcome: "valid" });
});

test("limit-1: what is too large is `too_large`, a number too high is `invalid`", () => {
  expect(send(input("x".repeat(LIMITS.inputTextBytes + 1)))).toMatchObject({
    error: { code: "too_large", message: expect.stringContaining("events.0.text: over inputTextBytes (32768).") },
  });
  expect(send({ ...input("x"), seq: Number.MAX_SAFE_INTEGER + 2 })).toMatchObject({ error: { code: "invalid" } });
  const events = Array.from({ length: LIMITS.eventsPerSend + 1 }, (_, index) => ({ ...input("x"), seq: index + 1 }));
  const checked = checkSend({ session: "s", producer: "p", events });
  expect(checked).toMatchObject({
    error: { code: "too_large", message: expect.stringContaining("events: over eventsPerSend (256).") },
  });
});

test("limit-1: texts and events are measured in UTF-8 bytes", () => {
  const umlauts = "ü".repeat(LIMITS.inputTextBytes / 2);
  expect(send(input(umlauts))).toMatchObject({ outcome: "valid" });
  expect(send(input(`${umlauts}!`))).toMatchObject({
    error: { code: "too_large", message: expect.stringContaining("events.0.text") },
  });
  const data = "x".repeat(LIMITS.eventBytes);
  expect(send({ seq: 1, kind: "observe", name: "n", data })).toMatchObject({ error: { code: "too_large" } });
});

test("send-5: the place of a request that is wrong in all else can still be told", () => {
  expect(sendPlaceOf({ session: "s", producer: "p", events: [{ seq: 7, kind: "?" }] })).toEqual({
    session: "s",
    producer: "p",
    after: 6,
  });
  expect(sendPlaceOf({ session: "s", producer: "p", after: 3, events: [{ seq: 7 }], extra: 1 })?.after).toBe(3);
  expect(sendPlaceOf({ session: "s" })).toBeUndefined();
});

test("send-5: an `after` that is not below the first seq is read as first seq − 1", () => {
  const request = { session: "s", producer: "p", after: 7, events: [{ ...input("x"), seq: 7 }] };
  expect(checkSend(request)).toMatchObject({ outcome: "valid" });
  expect(sendPlaceOf(request)?.after).toBe(6);
});

test("send-5: only the first event tells the place, whatever the others are", () => {
  expect(sendPlaceOf({ session: "s", producer: "p", events: [{ seq: 7 }, "?"] })?.after).toBe(6);
});

test("ids-1, send-1: what could be no valid request's place is none, and nothing of it is kept", () => {
  const at = (wrong: object) => sendPlaceOf({ session: "s", producer: "p", events: [{ seq: 7 }], ...wrong });
  expect(at({ producer: "p".repeat(LIMITS.nameLength) })).toBeDefined();
  expect(at({ producer: "p".repeat(LIMITS.nameLength + 1) })).toBeUndefined();
  for (const after of [-1, 0.5, Number.MAX_SAFE_INTEGER + 2]) expect(at({ after })).toBeUndefined();
  for (const seq of [-1, 0, 1.5, Number.MAX_SAFE_INTEGER + 2]) expect(at({ events: [{ seq }] })).toBeUndefined();
});

test("send-1: what an event carries comes through as it was, and an event without data has none", () => {
  const events = [
    { seq: 1, kind: "observe", name: "n", data: { a: [1, { b: null }], "": "", constructor: 1 } },
    { seq: 2, kind: "input", text: "x", data: null },
    { seq: 3, kind: "input", text: "y" },
  ];
  expect(checkSend({ session: "s", producer: "p", events })).toEqual({
    outcome: "valid",
    request: {
      request: { session: "s", producer: "p", events },
      sizes: events.map((event) => JSON.stringify(event).length),
    },
  });
  expect(send({ seq: 1, kind: "observe", name: "n", data: { file: Buffer.from("x") } })).toMatchObject({
    error: { code: "invalid", message: expect.stringContaining("binary") },
  });
});

test("req-2: an error quotes little of what was sent", () => {
  const name = "k".repeat(100_000);
  for (const request of [
    { session: "s", [name]: 1 },
    { session: "s", agent: 1, [name]: 1 },
  ]) {
    const checked = checkRequest(openRequestSchema, request);
    expect(checked.outcome === "refused" && checked.error.message.length).toBeLessThan(1_000);
  }
});
