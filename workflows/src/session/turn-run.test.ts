import type { RespondResult } from "@holdfast/internal/temporal";
import { expect, test } from "vitest";
import { TurnFailure, TurnStopped } from "./turn-failure.ts";
import { TurnRun } from "./turn-run.ts";

const input = { by: "ann", producer: "p", seq: 1, text: "hi" };

function result(text: string, spentMs = 0, stopped = false): RespondResult {
  return {
    text,
    finish: stopped ? "interrupted" : "stop",
    model: "m",
    enrichment: { sentiment: 0, entities: [], keywords: [] },
    spentMs,
  };
}

test("a turn's steps are numbered, and its text is the sum of theirs", () => {
  const run = new TurnRun(3, input, 7, 60);
  expect(run.unheard).toBe(true);
  expect(run.beginStep({}).step).toBe(1);
  expect(run.toRunning()).toEqual({ turn: 3, inputs: [input], step: 1, attempt: 1, index: 0, text: "" });
  run.stepFinished(result("one "));
  expect(run.unheard).toBe(false);
  expect(run.beginStep({}).step).toBe(2);
  expect(run.toRunning()).toMatchObject({ step: 2, text: "one " });
  run.stepFinished(result("two"));
  expect(run.text).toBe("one two");
});

test("turn-5: later steps have what is left of the deadline", () => {
  const run = new TurnRun(1, input, 1, 10);
  expect(run.beginStep({}).remainingMs).toBe(10_000);
  run.stepFinished(result("a", 4_000));
  expect(run.beginStep({}).remainingMs).toBe(6_000);
  run.stepFinished(result("b", 6_000));
  expect(() => run.beginStep({})).toThrow(expect.objectContaining({ code: "turn_deadline" }));
});

test("a step that ran out of retries ends the turn's steps, a refusal does not", () => {
  const run = new TurnRun(1, input, 1, 10);
  run.beginStep({});
  run.stepBroke(undefined);
  run.stepFailed(new TurnFailure("model_refused", "no"));
  // Its attempts count from 1 again: under the same number the log would take them for old ones.
  expect(run.beginStep({}).step).toBe(2);
  run.stepBroke(undefined);
  run.stepFailed(new TurnFailure("model_unavailable", "gone"));
  expect(() => run.beginStep({})).toThrow("gone");
  expect(() => run.beginStep({})).toThrow("gone");
});

test("steps run one at a time", () => {
  const run = new TurnRun(1, input, 1, 10);
  run.beginStep({});
  expect(() => run.beginStep({})).toThrow("one step at a time");
});

test("command-2: no step begins after an interrupt, and a stopped step's text is kept", () => {
  const run = new TurnRun(1, input, 1, 10);
  run.beginStep({});
  run.stepFinished(result("half", 1, true));
  expect(run.stopped).toBe(true);
  expect(run.text).toBe("half");
  expect(() => run.beginStep({})).toThrow(TurnStopped);
});

test("command-2: a step cancelled before it answered leaves what readers hold", () => {
  const run = new TurnRun(1, input, 1, 10);
  run.beginStep({});
  run.stepFinished(result("one "));
  run.beginStep({});
  run.stop();
  run.stepBroke("something else");
  expect(run.text).toBe("one ");
  run.stepBroke("one more");
  expect(run.text).toBe("one more");
  run.stepBroke(undefined);
  expect(run.text).toBe("one more");
  expect(run.finish("interrupted")).toBe("interrupted");
});

test("frame-3: what a failed step had said stays, until another step takes its place", () => {
  const run = new TurnRun(1, input, 1, 10);
  run.beginStep({});
  run.stepFinished(result("one "));
  run.beginStep({});
  run.stepBroke("one half");
  run.stepFailed(new TurnFailure("model_refused", "no"));
  expect(run.text).toBe("one half");
  expect(run.finish("failed")).toBe("error");
  // The agent may end its turn all the same: readers are told that something is missing.
  expect(run.finish("completed")).toBe("error");
  run.beginStep({});
  expect(run.toRunning()).toMatchObject({ step: 3, text: "one " });
  run.stepFinished({ ...result("two"), finish: "length" });
  expect(run.text).toBe("one two");
  expect(run.finish("completed")).toBe("length");
});
