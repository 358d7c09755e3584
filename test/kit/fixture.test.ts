import { expect, test } from "vitest";
import { crashesIn, type ProcessExit } from "./fixture.ts";

const exit = (code: number | null, signal: ProcessExit["signal"] = null, name = "edge-1"): ProcessExit => ({
  name,
  code,
  signal,
  at: 10,
});

test("an app that ends by an error of its own, or is not killed by us, has crashed", () => {
  expect(crashesIn([{ ...exit(1), said: "the worker failed" }, exit(null, "SIGSEGV")], 10)).toEqual([
    "edge-1 ended by itself: exit code 1: the worker failed",
    "edge-1 ended by itself: SIGSEGV",
  ]);
});

test("what was killed, drained, or ended before the run has not", () => {
  expect(crashesIn([exit(null, "SIGKILL"), exit(0), exit(null, "SIGUSR2"), exit(1, null, "valkey")], 10)).toEqual([]);
  expect(crashesIn([exit(1)], 11)).toEqual([]);
});
