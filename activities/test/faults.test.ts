import { textOfParts } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { ApplicationFailure } from "@temporalio/activity";
import { expect, test } from "vitest";
import { Breakers } from "../src/breakers.ts";
import { createModels } from "../src/models/registry.ts";
import { firstTurn } from "./first-turn.ts";
import { type RunOptions, until, useFixture } from "./fixture.ts";

const use = useFixture();
const DIRECTIVES = "tokens=30,delay=4ms";
const fault = (directives: string): StepRequest => firstTurn(`faults:${directives},${DIRECTIVES}`);
const answerTo = (request: StepRequest): string =>
  answerTokens(request.inputs[0]?.text ?? "", parseScript(DIRECTIVES)).join("");

async function failureOf(request: StepRequest, options: RunOptions = {}): Promise<ApplicationFailure> {
  const error: unknown = await use.fixture.run(request, options).result.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw error;
  return error;
}

/** SPEC turn-4: partial text is always a beginning of some attempt's output; here every attempt's is the same answer's. */
async function expectPrefixes(request: StepRequest, answer: string): Promise<void> {
  const texts = await use.fixture.partialTexts(request.key);
  expect(texts.filter((text) => !answer.startsWith(text))).toEqual([]);
  expect(texts.at(-1)).toBe(answer);
}

test.for(["500", "503", "408", "cut", "cut@10", "malformed@10", "error@10", "nofinish", "empty"])(
  "%s fails the attempt, retryably and with a delay; the next one starts over and no reader sees garbled text",
  async (directive) => {
    const request = fault(directive);
    const failure = await failureOf(request);
    expect(failure).toMatchObject({ type: "model_unavailable", nonRetryable: false });
    expect(failure.nextRetryDelay).toBeGreaterThan(0);
    const { text } = await use.fixture.run(request, { attempt: 2 }).result;
    expect(text).toBe(answerTo(request));
    await expectPrefixes(request, text);
  },
);

test("frame-5: an attempt that starts over rewinds, in one frame with its first text", async () => {
  const request = fault("cut@10");
  await failureOf(request);
  const held = await use.fixture.partialText(request.key);
  expect(held).not.toBe("");
  await use.fixture.run(request, { attempt: 2 }).result;
  const rewinds = await use.fixture.framesOf(request.key, "rewind");
  expect(rewinds).toHaveLength(1);
  expect(rewinds[0]).toMatchObject({ step: 1, attempt: 2 });
  expect(
    textOfParts(rewinds[0]?.parts ?? [])
      .trim()
      .split(" "),
  ).toHaveLength(1);
});

test.for(["cut@10", "malformed@10", "nofinish"])(
  "%s with a model that can continue: the next attempt goes on from what readers hold, without a rewind",
  async (directive) => {
    const request = fault(directive);
    await failureOf(request, { continues: "vllm" });
    const held = await use.fixture.partialText(request.key);
    const { text } = await use.fixture.run(request, { attempt: 2, continues: "vllm" }).result;
    expect(use.fixture.model.calls.at(-1)).toMatchObject({ prefix: held, outcome: "finished" });
    expect(text).toBe(answerTo(request));
    await expectPrefixes(request, text);
    expect(await use.fixture.framesOf(request.key, "rewind")).toEqual([]);
  },
);

test("the quiet end: a cut connection yields no error while text is read, and still is not taken for an answer", async () => {
  const failure = await failureOf(fault("cut@29"));
  expect(failure.type).toBe("model_unavailable");
});

test.for(["400", "401", "403", "404", "422"])(
  "turn-5: HTTP %s is permanent: model_refused, not retried",
  async (status) => {
    const failure = await failureOf(fault(status));
    expect(failure).toMatchObject({ type: "model_refused", nonRetryable: true });
    expect(failure.message).toContain("Tell whoever runs this service");
    expect(failure.message).not.toContain("scripted");
    expect(failure.cause?.message).toContain(`HTTP ${status}`);
  },
);

test("turn-5: a request for a model server where none is configured is refused", async () => {
  const request = firstTurn("hello", { provider: "openai-compatible" });
  const models = createModels({ embedded: { tokenDelayMs: 0 } });
  const failure = await failureOf(request, { models });
  expect(failure).toMatchObject({ type: "model_refused", nonRetryable: true });
});

test.for([
  ["429,retry-after=7", 7_000],
  ["503,retry-after=3", 3_000],
  ["429,retry-after=100", 100_000],
])("Retry-After is obeyed: %s", async ([directives, expected]) => {
  const failure = await failureOf(fault(String(directives)));
  expect(failure.nextRetryDelay).toBeGreaterThanOrEqual(Number(expected));
  expect(failure.nextRetryDelay).toBeLessThan(Number(expected) + 1_000);
});

test("turn-5: a pause longer than the turn has is not waited for: the user is told at once", async () => {
  const failure = await failureOf(fault("429,retry-after=100000"));
  expect(failure).toMatchObject({ type: "model_unavailable", nonRetryable: true });
});

test("Retry-After may be a date", async () => {
  const failure = await failureOf(fault("429,retry-after=date:30"));
  expect(failure.nextRetryDelay).toBeGreaterThan(20_000);
});

test.for(["hang", "stall", "stall@10"])("%s: a silent model fails the attempt", async (directive) => {
  const request = fault(directive);
  const config = { firstTextTimeoutMs: 300, idleTimeoutMs: 300 };
  const failure = await failureOf(request, { config });
  expect(failure).toMatchObject({ type: "model_unavailable", nonRetryable: false });
  expect(failure.message).toContain("silent");
  expect((await use.fixture.run(request, { attempt: 2 }).result).text).toBe(answerTo(request));
});

test("a provider that keeps failing is left alone, and other workers learn of it through Redis", async () => {
  const [here, elsewhere] = [new Breakers(use.fixture.redis), new Breakers(use.fixture.redis)];
  const broken = () => firstTurn("hello", { model: "faults:500x*" });
  for (let attempt = 1; attempt <= 6; attempt++) await failureOf(broken(), { breakers: here });
  const calls = use.fixture.model.calls.length;
  const failure = await failureOf(broken(), { breakers: here });
  expect(failure).toMatchObject({ type: "breaker_open", nonRetryable: false });
  expect(failure.nextRetryDelay).toBeGreaterThan(0);
  elsewhere.of("openai-compatible", "faults:500x*");
  await until(async () => {
    await elsewhere.refresh();
    return elsewhere.report()[0]?.state === "open";
  });
  expect(await failureOf(broken(), { breakers: elsewhere })).toMatchObject({ type: "breaker_open" });
  expect(use.fixture.model.calls).toHaveLength(calls);
  expect(here.of("openai-compatible", "another").state).toBe("closed");
});

test("the turn's start is in the log even when the model is left alone", async () => {
  const breakers = new Breakers();
  breakers.of("openai-compatible", "scripted").adopt(60_000);
  const request = firstTurn("hello");
  await failureOf(request, { breakers });
  expect(await use.fixture.frames(request.key)).toMatchObject([{ type: "turn.started" }]);
});

test("limits and refusals do not count against the model's health", async () => {
  const breakers = new Breakers();
  for (const status of ["429x*", "400x*"]) {
    for (let n = 0; n < 8; n++) await failureOf(firstTurn("hello", { model: `faults:${status}` }), { breakers });
  }
  expect(breakers.report().map(({ state }) => state)).toEqual(["closed", "closed"]);
});
