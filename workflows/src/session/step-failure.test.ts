import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { expect, test } from "vitest";
import { stepFailure } from "./step-failure.ts";

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
