import { expect, test } from "vitest";
import { crowdedOut, markOf } from "./marks.ts";

test("send-7: the subject that has most marks loses its first one, whoever came first", () => {
  expect(crowdedOut([])).toBeUndefined();
  expect(crowdedOut(["ann/tab"])).toBe("ann/tab");
  const flood = Array.from({ length: 5_000 }, (_, n) => markOf("guest", `p${n}`));
  expect(crowdedOut(["ann/tab", ...flood, "ann/phone"])).toBe("guest/p0");
  // As many each: the first of all.
  expect(crowdedOut(["ann/tab", "bob/tab"])).toBe("ann/tab");
});
