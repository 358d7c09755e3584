import { expect, test } from "vitest";
import { describeDefect } from "./defect.ts";

test("what the sandbox does not have comes with a hint of where it belongs", () => {
  const { summary, stack } = describeDefect(new ReferenceError("fetch is not defined"));
  expect(summary).toBe(
    "ReferenceError: fetch is not defined. The code of an agent runs in Temporal's sandbox, which has no fetch: what reaches outside goes through `turn`, or is done in an activity.",
  );
  expect(stack).toContain("defect.test.ts");
  expect(describeDefect(new ReferenceError("guset is not defined")).summary).toBe(
    "ReferenceError: guset is not defined",
  );
});

test("causes are told, and what is no error is told as it is", () => {
  expect(describeDefect(new Error("outer", { cause: new Error("inner") })).stack).toContain("Caused by: Error: inner");
  expect(describeDefect("oops").summary).toContain("oops");
  expect(describeDefect(undefined).summary).toContain("undefined");
});
