import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { expect, test } from "vitest";
import { StateTooLargeError } from "./agent-state.ts";
import { EndlessLoopError } from "./loop-guard.ts";
import { agentFailure, describeDefect, stepFailure, TurnFailure } from "./turn-failure.ts";

function failed(cause: Error): ActivityFailure {
  return new ActivityFailure("failed", "respond", "1", "MAXIMUM_ATTEMPTS_REACHED", "worker", cause);
}

test("turn-5: what the worker says is what its user is told", () => {
  const said = ApplicationFailure.create({ type: "content_refused", message: "Not this." });
  expect(stepFailure(failed(said))).toMatchObject({ code: "content_refused", message: "Not this." });
});

test.for(["HEARTBEAT", "SCHEDULE_TO_CLOSE", "START_TO_CLOSE"] as const)(
  "turn-5: a step whose workers were silent, or that none took up, says so: %s",
  (type) => {
    const failure = stepFailure(failed(new TimeoutFailure("timed out", undefined, type)));
    expect(failure.code).toBe("model_unavailable");
    expect(failure.message).toContain("Nobody who works on answers");
  },
);

test("turn-5: an agent passes on what a step said, and its own defects are described for whoever wrote it", () => {
  const refused = new TurnFailure("model_refused", "no");
  expect(agentFailure(refused)).toEqual({ failure: refused });
  expect(agentFailure(new StateTooLargeError("too large"))).toMatchObject({ failure: { code: "state_too_large" } });
  const { failure, defect } = agentFailure(new Error("a secret"));
  expect(failure.toError()).toEqual({ code: "agent_error", message: "The agent failed on this message." });
  expect(defect?.stack).toContain("a secret");
  expect(agentFailure(new EndlessLoopError()).failure.message).toContain("did not come to an end");
});

test("what the sandbox does not have comes with a hint of where it belongs", () => {
  const { summary, stack } = describeDefect(new ReferenceError("fetch is not defined"));
  expect(summary).toBe(
    "ReferenceError: fetch is not defined. The code of an agent runs in Temporal's sandbox, which has no fetch: what reaches outside goes through `turn`, or is done in an activity.",
  );
  expect(stack).toContain("turn-failure.test.ts");
  expect(describeDefect(new ReferenceError("guset is not defined")).summary).toBe(
    "ReferenceError: guset is not defined",
  );
});

test("causes are told, and what is no error is told as it is", () => {
  expect(describeDefect(new Error("outer", { cause: new Error("inner") })).stack).toContain("Caused by: Error: inner");
  expect(describeDefect("oops").summary).toContain("oops");
  expect(describeDefect(undefined).summary).toContain("undefined");
});
