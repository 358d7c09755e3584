import { expect, test } from "vitest";
import { Governor } from "./governor.ts";

const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

test("a run is due at 1,000 events, at 2,000 signals, or on the server's hint", () => {
  const governor = new Governor(() => true);
  expect(governor.due(at(999))).toBe(false);
  expect(governor.due(at(1_000))).toBe(true);
  expect(governor.due(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) governor.signalled(at(signal));
  expect(governor.due(at(999))).toBe(false);
  governor.signalled(at(999));
  expect(governor.due(at(999))).toBe(true);
});

test("a run that went past 1,000 events on an earlier release is due at 4,000, and whether it did is asked only then", () => {
  let asked = 0;
  const governor = new Governor(() => {
    asked++;
    return false;
  });
  expect(governor.due(at(999))).toBe(false);
  expect(asked).toBe(0);
  expect(governor.due(at(3_999))).toBe(false);
  expect(asked).toBe(1);
  expect(governor.due(at(4_000))).toBe(true);
  expect(asked).toBe(1);
});

test("a task that brings several signals is not quiet, the next one without any is", () => {
  const governor = new Governor(() => true);
  expect(governor.quiet(at(3))).toBe(true);
  governor.signalled(at(3));
  expect(governor.quiet(at(3))).toBe(true);
  governor.signalled(at(3));
  expect(governor.quiet(at(3))).toBe(false);
  expect(governor.quiet(at(8))).toBe(true);
  governor.signalled(at(8));
  expect(governor.quiet(at(8))).toBe(true);
});

test("a run that cannot end for long becomes urgent", () => {
  const governor = new Governor(() => true);
  expect(governor.urgent(at(19_999))).toBe(false);
  expect(governor.urgent(at(20_000))).toBe(true);
  for (let signal = 1; signal <= 6_000; signal++) governor.signalled(at(signal));
  expect(governor.urgent(at(10))).toBe(true);
});
