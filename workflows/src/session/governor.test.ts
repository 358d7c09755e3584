import { expect, test } from "vitest";
import { Governor } from "./governor.ts";

const yes = (): boolean => true;
const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

function governorOf({ isShort = yes, endsFull = yes } = {}): Governor {
  return new Governor(isShort, endsFull);
}

test("a run is due at 400 events, at 2,000 signals, or on the server's hint", () => {
  const governor = governorOf();
  expect(governor.due(at(399))).toBe(false);
  expect(governor.due(at(400))).toBe(true);
  expect(governor.due(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) governor.signalled(at(signal));
  expect(governor.due(at(399))).toBe(false);
  governor.signalled(at(399));
  expect(governor.due(at(399))).toBe(true);
});

test("a run that went past 400 events on an earlier release is due at 4,000, and whether it did is asked only then", () => {
  let asked = 0;
  const isShort = () => {
    asked++;
    return false;
  };
  const governor = governorOf({ isShort });
  expect(governor.due(at(399))).toBe(false);
  expect(asked).toBe(0);
  expect(governor.due(at(3_999))).toBe(false);
  expect(asked).toBe(1);
  expect(governor.due(at(4_000))).toBe(true);
  expect(asked).toBe(1);
});

test("a task that brings several signals is not quiet, the next one without any is", () => {
  const governor = governorOf();
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
  const governor = governorOf();
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
  const almost = full(9_999, governorOf());
  expect(almost.quiet(at(9_998))).toBe(false);
  const governor = full(10_000, governorOf());
  expect(governor.quiet(at(9_999))).toBe(true);
  expect(governor.due(at(9_999))).toBe(true);
  expect(governor.urgent(at(9_999))).toBe(true);
});

test("signals of unknown names count towards Temporal's limit, and make no task busy", () => {
  const governor = governorOf();
  for (let signal = 1; signal <= 10; signal++) governor.ignored();
  expect(governor.quiet(at(3))).toBe(true);
  expect(full(9_990, governor).quiet(at(9_989))).toBe(true);
});

test("a run that was full on an earlier release waits for a quiet task, and whether it was is asked only then", () => {
  let asked = 0;
  const endsFull = () => {
    asked++;
    return false;
  };
  const governor = full(9_999, governorOf({ endsFull }));
  expect(governor.quiet(at(9_998))).toBe(false);
  expect(asked).toBe(0);
  governor.signalled(at(9_998));
  expect(governor.quiet(at(9_998))).toBe(false);
  expect(asked).toBe(1);
  expect(governor.quiet(at(10_010))).toBe(true);
  expect(asked).toBe(1);
});
