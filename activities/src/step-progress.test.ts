import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepHeartbeating } from "./step-progress.ts";

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
