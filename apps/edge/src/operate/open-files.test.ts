import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { connectionsWithin, openFilesLimit } from "./open-files.ts";

test("a node takes no more connections than it may open files, and leaves some for Redis and Temporal", () => {
  expect(connectionsWithin(30_000, Number.POSITIVE_INFINITY)).toBe(30_000);
  expect(connectionsWithin(30_000, 100_000)).toBe(30_000);
  expect(connectionsWithin(30_000, 1_024)).toBe(768);
  expect(connectionsWithin(30_000, 64)).toBe(1);
});

test.skipIf(process.platform !== "linux")("the limit is the one the shell knows", () => {
  const shell = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  expect(String(openFilesLimit())).toBe(shell === "unlimited" ? "Infinity" : shell);
});
