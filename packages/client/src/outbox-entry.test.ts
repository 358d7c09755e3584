import { LIMITS, type Json } from "@holdfast/contract";
import { expect, test } from "vitest";
import { clientError } from "./errors.ts";
import { Milestone, prepareEvent } from "./outbox-entry.ts";

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

test("trace-1: a trace that is none is invalid, and the error says so", () => {
  const event = { seq: 1, kind: "input", text: "hello" } as const;
  expect(prepareEvent(event, `00-${"a".repeat(32)}-${"b".repeat(16)}-01`).outcome).toBe("ok");
  expect(prepareEvent(event, "yesterday")).toMatchObject({
    error: { code: "invalid", message: expect.stringContaining("traceparent") },
  });
});

test("ack-1: the promise resolves whether it was asked for before or after the milestone was reached", async () => {
  const early = new Milestone();
  const promise = early.promise;
  early.reach();
  await expect(promise).resolves.toBeUndefined();
  const late = new Milestone();
  late.reach();
  await expect(late.promise).resolves.toBeUndefined();
});

test("the first outcome stands", async () => {
  const milestone = new Milestone();
  milestone.fail(clientError("closed"));
  milestone.reach();
  await expect(milestone.promise).rejects.toMatchObject({ code: "closed" });
});

test("a failure nobody waits for is not an unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  const milestone = new Milestone();
  void milestone.promise;
  milestone.fail(clientError("closed"));
  // Unhandled rejections are reported once the microtasks are done: two turns of the event loop are enough.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  process.off("unhandledRejection", listener);
  expect(unhandled).toEqual([]);
});
