import { expect, test } from "vitest";
import { Governor } from "./governor.ts";

const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

test("a run is due at 4,000 events, at 2,000 signals, or on the server's hint", () => {
  const governor = new Governor();
  expect(governor.due(at(3_999))).toBe(false);
  expect(governor.due(at(4_000))).toBe(true);
  expect(governor.due(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) governor.signalled(at(signal));
  expect(governor.due(at(2_000))).toBe(false);
  governor.signalled(at(2_001));
  expect(governor.due(at(2_001))).toBe(true);
});

test("a task that brings several signals is not quiet, the next one without any is", () => {
  const governor = new Governor();
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
  const governor = new Governor();
  expect(governor.urgent(at(19_999))).toBe(false);
  expect(governor.urgent(at(20_000))).toBe(true);
  for (let signal = 1; signal <= 6_000; signal++) governor.signalled(at(signal));
  expect(governor.urgent(at(10))).toBe(true);
});
