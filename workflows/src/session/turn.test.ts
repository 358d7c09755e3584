import type { HeldStep, StepResult } from "@holdfast/internal/temporal";
import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";
import { expect, test } from "vitest";
import { inputOf, stepResult, textPart, turnFixture } from "../../test/turn-fixture.ts";
import { type AgentTurn, defineAgent } from "../agents/define-agent.ts";
import { TurnFailure, TurnStopped } from "./turn-failure.ts";

type Notes = { notes: string[] };

function agent(onTurn: (turn: AgentTurn<Notes>) => Promise<void>, deadlineSeconds = 10) {
  return defineAgent<Notes>({ name: "a", initialState: { notes: [] }, deadlineSeconds, onTurn });
}

const twice = agent(async (turn) => {
  await turn.reply();
  turn.update({ notes: ["half"] });
  await turn.reply({ instructions: "and now?" });
});

function activityFailure(type: string): ActivityFailure {
  const cause = ApplicationFailure.create({ type, message: `said: ${type}` });
  return new ActivityFailure("failed", "respond", "1", "NON_RETRYABLE_FAILURE", "worker", cause);
}

const held = (step: number, text: string): HeldStep => ({ step, attempt: 2, index: 5, parts: [textPart(text)] });

test("a turn's steps are numbered, each is told what its worker has to know, and the end has all of them", async () => {
  const { turn, calls, published } = turnFixture(twice, {
    respond: ({ step }) => stepResult(step === 1 ? "one " : "two", { index: 2 * step, attempt: step }),
  });
  const begun = { turn: 3, origin: "user", inputs: [inputOf(1)] };
  expect(turn.isHeard).toBe(false);
  expect(turn.toRunning()).toEqual({ ...begun, steps: [], step: 1, attempt: 1, index: 0, parts: [], questions: [] });
  const end = await turn.run();
  expect(end).toEqual({ outcome: "completed" });
  expect(turn.isHeard).toBe(true);
  expect(published).toEqual([1]);
  const common = { ...begun, agent: "a", startedVersion: 7, applied: { "ann/p": 1 } };
  expect(calls).toEqual([
    { ...common, step: 1, lengthBefore: 0, budgetMs: 10_000, request: {} },
    { ...common, step: 2, lengthBefore: 4, budgetMs: 9_999, request: { instructions: "and now?" } },
  ]);
  const steps = [
    { step: 1, attempt: 1, parts: [textPart("one ")] },
    { step: 2, attempt: 2, parts: [textPart("two")] },
  ];
  const ending = { outcome: "completed", finish: "stop", model: "m" };
  expect(turn.end(end)).toEqual({
    turn: { ...begun, steps, ...ending },
    frame: { type: "turn.ended", turn: 3, ...ending, step: 2, attempt: 2, index: 4, parts: [textPart("two")] },
  });
});

test("snap-3: a step that runs is known to the log alone, one that has ended is told as readers hold it", async () => {
  const running: unknown[] = [];
  const { turn } = turnFixture(
    agent(async (agentTurn) => {
      await agentTurn.reply();
      running.push(turn.toRunning());
      await agentTurn.reply();
    }),
    {
      respond() {
        running.push(turn.toRunning());
        return stepResult("one", { attempt: 2, index: 6 });
      },
    },
  );
  await turn.run();
  const step = { step: 1, attempt: 2, parts: [textPart("one")] };
  expect(running).toMatchObject([
    { steps: [], step: 1, attempt: 1, index: 0, parts: [] },
    { steps: [], step: 1, attempt: 2, index: 6, parts: [textPart("one")] },
    { steps: [step], step: 2, attempt: 1, index: 0, parts: [] },
  ]);
});

test("trace-1: the trace of the input goes to its steps and to readers", async () => {
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const { turn, calls } = turnFixture(twice, { traceparent });
  await turn.run();
  expect(calls.map((call) => call.traceparent)).toEqual([traceparent, traceparent]);
  expect(turn.started()).toMatchObject({ type: "turn.started", version: 7, turn: 3, agent: "a", traceparent });
});

test("frame-3: usage is the sum of what the models told, and the model is the last one", async () => {
  const usages = [{ inputTokens: 5 }, { inputTokens: 7, outputTokens: 2 }];
  const { turn } = turnFixture(twice, {
    respond: ({ step }) => stepResult("x", { model: `m${step}`, usage: usages[step - 1] ?? {} }),
  });
  expect(turn.end(await turn.run()).turn).toMatchObject({
    usage: { inputTokens: 12, outputTokens: 2 },
    model: "m2",
  });
});

test("end-1: parts that the log could not be told all of are given to every reader", async () => {
  const unplaced: StepResult = { attempt: 2, parts: [textPart("ok")], finish: "stop", model: "m", spentMs: 1 };
  const { turn } = turnFixture(
    agent((agentTurn) => agentTurn.reply().then(() => {})),
    { respond: () => unplaced },
  );
  const { frame } = turn.end(await turn.run());
  expect(frame).toMatchObject({ step: 1, attempt: 0, index: 0, parts: [textPart("ok")] });
});

test("turn-5: later steps have what is left of the deadline", async () => {
  const thrice = agent(async (agentTurn) => {
    for (let step = 1; step <= 3; step++) await agentTurn.reply();
  });
  const { turn, calls } = turnFixture(thrice, {
    respond: ({ step }) => stepResult("x", { spentMs: 2_000 + 2_000 * step }),
  });
  expect(await turn.run()).toMatchObject({ outcome: "failed", failure: { code: "turn_deadline" } });
  expect(calls.map(({ budgetMs }) => budgetMs)).toEqual([10_000, 6_000]);
});

test("a step that ran out of retries ends the turn's steps, a refusal does not", async () => {
  const codes: unknown[] = [];
  const { turn, calls } = turnFixture(
    agent(async (agentTurn) => {
      for (let round = 1; round <= 4; round++) {
        await agentTurn.reply().catch((error: unknown) => codes.push(error instanceof TurnFailure && error.code));
      }
    }),
    {
      respond({ step }) {
        throw activityFailure(step === 1 ? "model_refused" : "model_unavailable");
      },
    },
  );
  const end = await turn.run();
  // Its attempts count from 1 again: under the same number the log would take them for old ones.
  expect(calls.map(({ step }) => step)).toEqual([1, 2]);
  expect(codes).toEqual(["model_refused", "model_unavailable", "model_unavailable", "model_unavailable"]);
  expect(turn.end(end).turn.finish).toBe("error");
});

test("steps run one at a time", async () => {
  const hasty = agent(async (agentTurn) => {
    await Promise.all([agentTurn.reply(), agentTurn.reply()]);
  });
  const { turn, defects } = turnFixture(hasty, { respond: () => new Promise(() => {}) });
  expect(await turn.run()).toMatchObject({ outcome: "failed", failure: { code: "agent_error" } });
  expect(defects).toEqual([expect.stringContaining("one step at a time")]);
  expect(turn.isBusy).toBe(true);
  turn.breakStep(held(1, "half"));
  expect(turn.isBusy).toBe(false);
  expect(turn.end({ outcome: "completed" }).turn.steps).toEqual([{ step: 1, attempt: 2, parts: [textPart("half")] }]);
});

test("command-2: no step begins after an interrupt, and a stopped step's parts are kept", async () => {
  const errors: unknown[] = [];
  const { turn, published } = turnFixture(
    agent(async (agentTurn) => {
      expect((await agentTurn.reply()).finish).toBe("interrupted");
      await agentTurn.reply().catch((error: unknown) => errors.push(error));
    }),
    { respond: () => stepResult("half", { finish: "interrupted" }) },
  );
  const end = await turn.run();
  expect(errors).toEqual([expect.any(TurnStopped)]);
  expect(published).toEqual([]);
  expect(turn.end(end).turn).toMatchObject({ outcome: "interrupted", finish: "interrupted", steps: [{ step: 1 }] });
});

test("command-2: a step cancelled before it answered leaves what readers hold of it, and of no other", async () => {
  for (const [holds, parts] of [
    [held(2, "more"), [textPart("more")]],
    [held(1, "one"), []],
    [undefined, []],
  ] as const) {
    const { turn } = turnFixture(twice, {
      respond({ step }) {
        if (step === 1) return stepResult("one");
        turn.stop("ann");
        throw new Error("cancelled");
      },
      heldStep: () => holds,
    });
    const end = await turn.run();
    expect(end).toEqual({ outcome: "interrupted", by: "ann" });
    expect(turn.end(end).turn.steps).toMatchObject([{ step: 1 }, { step: 2, parts }]);
  }
});

test("command-2: an interrupt while the step before is published lets no step begin, and the turn ends in none", async () => {
  const { turn, calls } = turnFixture(
    agent(async (agentTurn) => {
      await agentTurn.reply();
      const next = agentTurn.reply();
      turn.stop("ann");
      await expect(next).rejects.toThrow(TurnStopped);
    }),
  );
  const { turn: ended, frame } = turn.end(await turn.run());
  expect(calls).toHaveLength(1);
  expect(ended).toMatchObject({ by: "ann", steps: [{ step: 1, parts: [textPart("ok")] }] });
  expect(frame).not.toHaveProperty("step");
});

test("frame-3: what a failed step had made stays, until another step takes its place", async () => {
  const endings: unknown[] = [];
  const { turn, published } = turnFixture(
    agent(async (agentTurn) => {
      await agentTurn.reply();
      await agentTurn.reply().catch(() => {});
      // The agent may end its turn all the same: readers are told that something is missing.
      endings.push(turn.end({ outcome: "completed" }).turn, turn.end({ outcome: "interrupted" }).turn);
      await agentTurn.reply();
    }),
    {
      respond({ step }) {
        if (step === 2) throw activityFailure("model_refused");
        return stepResult(step === 1 ? "one " : "two", { finish: step === 3 ? "length" : "stop" });
      },
      heldStep: () => held(2, "half"),
    },
  );
  const end = await turn.run();
  const one = { step: 1, parts: [textPart("one ")] };
  expect(endings).toMatchObject([
    { finish: "error", steps: [one, { step: 2, attempt: 2, parts: [textPart("half")] }] },
    { finish: "interrupted" },
  ]);
  expect(published).toEqual([1, 2]);
  expect(turn.end(end).turn).toMatchObject({
    finish: "length",
    steps: [one, { step: 2, attempt: 0, parts: [] }, { step: 3, parts: [textPart("two")] }],
  });
});

test("turn-1: what an agent did not wait for does not go on once its turn is over", async () => {
  const answer = Promise.withResolvers<ReturnType<typeof stepResult>>();
  let wentOn = false;
  const { turn, errors } = turnFixture(
    agent(async (agentTurn) => {
      const late = (): void => {
        wentOn = true;
        agentTurn.update({ notes: ["too late"] });
      };
      agentTurn.reply().then(late, late);
      setImmediate(() => {
        agentTurn.update({ notes: ["too late"] });
        answer.resolve(stepResult("ok"));
      });
    }),
    { respond: () => answer.promise },
  );
  const end = await turn.run();
  await answer.promise;
  await new Promise(setImmediate);
  expect(wentOn).toBe(false);
  expect(errors).toEqual(["an update came after its turn and is dropped"]);
  expect(turn.state).toEqual({ notes: [] });
  turn.breakStep(undefined);
  expect(turn.end(end).frame).toMatchObject({ outcome: "completed", step: 1, attempt: 0, parts: [] });
});
