import { expect, test } from "vitest";
import { readableEvents } from "./stored-events.ts";

const input = (seq: number) => ({ seq, kind: "input", text: `message ${seq}` });

test("send-4, send-7: what a later release kept is not passed over, so it is not lost when that release is back", () => {
  const gesture = { seq: 2, kind: "gesture", shape: "wave" };
  expect(readableEvents([input(1), gesture, input(3)])).toEqual([input(1)]);
  expect(readableEvents([{ ...input(1), mood: "glad" }, input(2)])).toEqual([]);
  expect(readableEvents([input(1), { seq: 2, kind: "observe", name: "click", data: null }])).toHaveLength(2);
  expect(readableEvents([])).toEqual([]);
});
