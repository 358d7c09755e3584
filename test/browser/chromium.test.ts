import { expect, test } from "vitest";
import { findChromium } from "./chromium.ts";

test("a named Chromium is taken, a wrong name is an error and not a skipped test", async () => {
  expect(await findChromium({ HOLDFAST_CHROMIUM: process.execPath })).toBe(process.execPath);
  await expect(findChromium({ HOLDFAST_CHROMIUM: "/nowhere/chromium" })).rejects.toThrow("HOLDFAST_CHROMIUM");
});
