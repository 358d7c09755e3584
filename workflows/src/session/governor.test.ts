import { expect, test } from "vitest";
import { Governor } from "./governor.ts";

const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

test("a run is due at 400 events, at 2,000 signals, or on the server's hint", () => {
  const governor = new Governor();
  expect(governor.due(at(399))).toBe(false);
  expect(governor.due(at(400))).toBe(true);
  expect(governor.due(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) governor.signalled(at(signal));
  expect(governor.due(at(399))).toBe(false);
  governor.signalled(at(399));
  expect(governor.due(at(399))).toBe(true);
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

/** A run of as many signals, of which the last task brought two. */
function full(signals: number, governor: Governor): Governor {
  for (let signal = 1; signal < signals; signal++) governor.signalled(at(signal));
  governor.signalled(at(signals - 1));
  return governor;
}

test("a run that has all the signals Temporal takes ends in the task that brought the last ones, though it is busy", () => {
  const almost = full(9_999, new Governor());
  expect(almost.quiet(at(9_998))).toBe(false);
  const governor = full(10_000, new Governor());
  expect(governor.quiet(at(9_999))).toBe(true);
  expect(governor.due(at(9_999))).toBe(true);
  expect(governor.urgent(at(9_999))).toBe(true);
});

test("signals of unknown names count towards Temporal's limit, and make no task busy", () => {
  const governor = new Governor();
  for (let signal = 1; signal <= 10; signal++) governor.ignored();
  expect(governor.quiet(at(3))).toBe(true);
  expect(full(9_990, governor).quiet(at(9_989))).toBe(true);
});
