import { LIMITS, type Json } from "@holdfast/contract";
import { expect, test } from "vitest";
import { prepareEvent } from "./prepared-event.ts";

test("send-4: the event is a copy, so that the caller cannot change what a number stands for", () => {
  const data: { [key: string]: Json } = { a: 1 };
  const prepared = prepareEvent({ seq: 1, kind: "observe", name: "click", data });
  data["a"] = 2;
  expect(prepared).toMatchObject({ outcome: "ok", event: { data: { a: 1 } } });
});

test("limit-1: text is measured in UTF-8 bytes, not in characters", () => {
  const text = "é".repeat(LIMITS.inputTextBytes / 2);
  expect(prepareEvent({ seq: 1, kind: "input", text }).outcome).toBe("ok");
  expect(prepareEvent({ seq: 1, kind: "input", text: `${text}é` })).toMatchObject({ error: { code: "too_large" } });
});

test("limit-1: a whole event is measured encoded", () => {
  const data = "x".repeat(LIMITS.eventBytes);
  expect(prepareEvent({ seq: 1, kind: "observe", name: "n", data })).toMatchObject({ error: { code: "too_large" } });
});

test("send-2, ids-1: empty text and a wrong name are invalid, and the error says where", () => {
  const empty = prepareEvent({ seq: 1, kind: "input", text: "" });
  expect(empty).toMatchObject({ error: { code: "invalid", message: expect.stringContaining("text") } });
  const named = prepareEvent({ seq: 1, kind: "observe", name: "a/b" });
  expect(named).toMatchObject({ error: { code: "invalid", message: expect.stringContaining("name") } });
});

test("send-2: data that cannot be JSON is invalid, not an exception", () => {
  const data: { [key: string]: Json } = {};
  data["self"] = data;
  expect(prepareEvent({ seq: 1, kind: "observe", name: "n", data })).toMatchObject({ error: { code: "invalid" } });
});
