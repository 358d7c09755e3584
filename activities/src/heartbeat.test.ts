import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepHeartbeating } from "./heartbeat.ts";
import { watchSilence } from "./silence.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("heartbeats come several times within the timeout, not at once, and stop", () => {
  const heartbeat = vi.fn<() => void>();
  const stop = keepHeartbeating(heartbeat, 4_000);
  expect(heartbeat).not.toHaveBeenCalled();
  vi.advanceTimersByTime(4_000);
  expect(heartbeat).toHaveBeenCalledTimes(4);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(heartbeat).toHaveBeenCalledTimes(4);
});

test("an activity without a heartbeat timeout does not heartbeat", () => {
  const heartbeat = vi.fn<() => void>();
  keepHeartbeating(heartbeat, undefined);
  vi.advanceTimersByTime(600_000);
  expect(heartbeat).not.toHaveBeenCalled();
});

test("silence: its first limit counts from each sign of life until the first text, then the other one from each sound", () => {
  const onSilent = vi.fn<() => void>();
  const watch = watchSilence(10_000, 2_000, onSilent);
  vi.advanceTimersByTime(9_999);
  watch.alive();
  vi.advanceTimersByTime(9_999);
  watch.spoke();
  vi.advanceTimersByTime(1_999);
  watch.alive();
  vi.advanceTimersByTime(1_999);
  expect(onSilent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onSilent).toHaveBeenCalledTimes(1);
  watch.end();
});

test("silence: nothing is called after its end", () => {
  const onSilent = vi.fn<() => void>();
  watchSilence(1_000, 1_000, onSilent).end();
  vi.advanceTimersByTime(5_000);
  expect(onSilent).not.toHaveBeenCalled();
});
