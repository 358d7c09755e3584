import { expect, test } from "vitest";
import { ContinuePolicy } from "./continue-as-new.ts";

const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

test("a run is due at 400 events, at 2,000 signals, or on the server's hint", () => {
  const policy = new ContinuePolicy();
  expect(policy.isDue(at(399))).toBe(false);
  expect(policy.isDue(at(400))).toBe(true);
  expect(policy.isDue(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) policy.signalled(at(signal));
  expect(policy.isDue(at(399))).toBe(false);
  policy.signalled(at(399));
  expect(policy.isDue(at(399))).toBe(true);
});

test("a task that brings several signals is not quiet, the next one without any is", () => {
  const policy = new ContinuePolicy();
  expect(policy.isQuiet(at(3))).toBe(true);
  policy.signalled(at(3));
  expect(policy.isQuiet(at(3))).toBe(true);
  policy.signalled(at(3));
  expect(policy.isQuiet(at(3))).toBe(false);
  expect(policy.isQuiet(at(8))).toBe(true);
  policy.signalled(at(8));
  expect(policy.isQuiet(at(8))).toBe(true);
});

test("a run that cannot end for long becomes urgent", () => {
  const policy = new ContinuePolicy();
  expect(policy.isUrgent(at(19_999))).toBe(false);
  expect(policy.isUrgent(at(20_000))).toBe(true);
  for (let signal = 1; signal <= 6_000; signal++) policy.signalled(at(signal));
  expect(policy.isUrgent(at(10))).toBe(true);
});

/** A run of as many signals, of which the last task brought two. */
function full(signals: number, policy: ContinuePolicy): ContinuePolicy {
  for (let signal = 1; signal < signals; signal++) policy.signalled(at(signal));
  policy.signalled(at(signals - 1));
  return policy;
}

test("a run that has all the signals Temporal takes ends in the task that brought the last ones, though it is busy", () => {
  const almost = full(9_999, new ContinuePolicy());
  expect(almost.isQuiet(at(9_998))).toBe(false);
  const policy = full(10_000, new ContinuePolicy());
  expect(policy.isQuiet(at(9_999))).toBe(true);
  expect(policy.isDue(at(9_999))).toBe(true);
  expect(policy.isUrgent(at(9_999))).toBe(true);
});

test("signals of unknown names count towards Temporal's limit, and make no task busy", () => {
  const policy = new ContinuePolicy();
  for (let signal = 1; signal <= 10; signal++) policy.ignored();
  expect(policy.isQuiet(at(3))).toBe(true);
  expect(full(9_990, policy).isQuiet(at(9_989))).toBe(true);
});
