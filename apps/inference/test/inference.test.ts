import { textOfParts, workflowIdOf } from "@holdfast/contract";
import type { StepRequest, StepResult } from "@holdfast/internal";
import { TASK_QUEUE_SESSIONS, WORKFLOW_TYPE } from "@holdfast/internal";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { createLogger } from "@holdfast/service/log";
import { DefaultLogger, Runtime } from "@temporalio/worker";
import { expect, test, vi } from "vitest";
import { inferenceConfig } from "../src/config.ts";
import { startInference } from "../src/inference.ts";
import { firstTurn } from "../../../activities/test/first-turn.ts";
import { until, useWorkers } from "./workers.ts";

const use = useWorkers();
const CONTINUES = { HOLDFAST_MODEL_CONTINUE: "vllm" };

function answerTo(request: StepRequest, directives: string): string {
  return answerTokens(request.inputs[0]?.text ?? "", parseScript(directives)).join("");
}

function textOfResult({ parts }: StepResult): string {
  return textOfParts(parts);
}

test("serves its health before Temporal is there, and says what it waits for", async () => {
  const worker = await use.workers.start({ HOLDFAST_TEMPORAL_ADDRESS: "127.0.0.1:1" }, "/healthz");
  const response = await fetch(`${worker.url}/readyz`);
  expect([response.status, await response.text()]).toEqual([503, "waiting for Temporal\n"]);
  await worker.stop();
  expect(await worker.exited).toMatchObject({ code: 0 });
});

test("ends with exit code 2 and the variable's name when its environment is wrong", async () => {
  await expect(use.workers.start({ HOLDFAST_LANES: "shared,no/lane" })).rejects.toThrow("HOLDFAST_LANES");
});

test("takes work from every lane it is configured for, and counts it", async () => {
  const worker = await use.workers.start({ HOLDFAST_LANES: "shared, heavy" });
  const lanes = ["shared", "heavy"];
  const requests = lanes.map(() => firstTurn("hello"));
  const handles = await Promise.all(requests.map((request, index) => use.workers.respond(request, lanes[index])));
  const results = await Promise.all(handles.map((handle) => handle.result()));
  expect(results.map(textOfResult)).toEqual(requests.map((request) => answerTo(request, "")));
  const metrics = await (await fetch(`${worker.url}/metrics`)).text();
  expect(metrics).toMatch(/holdfast_model_attempts_total\{.*outcome="completed".*\} 2/);
  expect(metrics).toMatch(/holdfast_breaker_state\{.*\} 0/);
  await worker.stop();
});

test("the embedded model's language is loaded by workers that answer with it, and by no others", async () => {
  const tells = { NODE_OPTIONS: `--import=${new URL("told-modules.ts", import.meta.url).href}` };
  const served = await use.workers.start(tells);
  const answered = await (await use.workers.respond(firstTurn("hello"))).result();
  expect(answered.model).toBe("default");
  await served.stop();
  expect(served.output()).toContain("loads cockatiel");
  expect(served.output()).not.toContain("loads wink");
  const embedded = await use.workers.start({ ...tells, HOLDFAST_MODEL_URL: "" });
  expect((await (await use.workers.respond(firstTurn("hello"))).result()).model).toBe("wink-eng-lite");
  await embedded.stop();
  expect(embedded.output()).toContain("loads wink-nlp");
});

test("a permanent refusal is not retried; a limit is, after the time the provider asked for", async () => {
  const worker = await use.workers.start();
  const refusedRequest = firstTurn("faults:401x*");
  const refused = await use.workers.respond(refusedRequest);
  await expect(refused.result()).rejects.toMatchObject({ cause: { type: "model_refused" } });
  const limited = firstTurn("faults:429x2,retry-after=1");
  const started = Date.now();
  const result = await (await use.workers.respond(limited)).result();
  expect(textOfResult(result)).toBe(answerTo(limited, ""));
  expect(Date.now() - started).toBeGreaterThanOrEqual(2_000);
  const callsOf = (request: StepRequest) =>
    use.workers.model.calls.filter((call) => call.messages[0]?.content === request.inputs[0]?.text);
  expect([callsOf(refusedRequest).length, callsOf(limited).length]).toEqual([1, 3]);
  await worker.stop();
});

test.for<[string, string, number, string | undefined]>([
  ["empty", "empty", 2, "model_unavailable"],
  ["nofinish", "unclear", 2, undefined],
  ["error", "broken", 5, "model_unavailable"],
  ["400", "refused", 1, "model_refused"],
])(
  "one failing turn makes exactly the requests that its policy says, and each is counted: %s",
  async ([fault, failure, requests, type]) => {
    const worker = await use.workers.start();
    const request = firstTurn(`faults:${fault}x*,tokens=3`);
    const outcome = await (await use.workers.respond(request)).result().then(
      () => undefined,
      (error: unknown) => Object(error).cause?.type,
    );
    expect(outcome).toBe(type);
    const calls = use.workers.model.calls.filter((call) => call.messages[0]?.content === request.inputs[0]?.text);
    expect(calls).toHaveLength(requests);
    const metrics = await (await fetch(`${worker.url}/metrics`)).text();
    const counted = new RegExp(`holdfast_model_failures_total\\{.*class="${failure}".*\\} (\\d+)`).exec(metrics)?.[1];
    expect(Number(counted)).toBe(type === undefined ? requests - 1 : requests);
    await until(() => worker.output().includes("a model call failed"));
    await worker.stop();
  },
);

test("a worker that is killed in mid-answer: another one goes on from the text readers hold", async () => {
  const first = await use.workers.start(CONTINUES);
  const request = firstTurn("faults:tokens=80,delay=20ms");
  const handle = await use.workers.respond(request);
  const held = await until(() => use.workers.partialText(request));
  first.kill("SIGKILL");
  const second = await use.workers.start(CONTINUES);
  expect(textOfResult(await handle.result())).toBe(answerTo(request, "tokens=80"));
  expect(use.workers.model.calls.at(-1)?.prefix.startsWith(held)).toBe(true);
  await second.stop();
});

test("SIGTERM: what ends within the grace ends here, what does not is handed over at once; exit code 0", async () => {
  const first = await use.workers.start({ ...CONTINUES, HOLDFAST_SHUTDOWN_GRACE_SECONDS: "2" });
  const [short, long] = [firstTurn("faults:tokens=20,delay=20ms"), firstTurn("faults:tokens=300,delay=20ms")];
  const handles = [await use.workers.respond(short), await use.workers.respond(long)];
  await until(() => use.workers.partialText(short));
  await until(() => use.workers.partialText(long));
  first.kill("SIGTERM");
  expect(await first.exited).toMatchObject({ code: 0 });
  const held = await use.workers.partialText(long);
  const second = await use.workers.start(CONTINUES);
  const [shortResult, longResult] = await Promise.all(handles.map((handle) => handle.result()));
  expect(shortResult && textOfResult(shortResult)).toBe(answerTo(short, "tokens=20"));
  expect(longResult && textOfResult(longResult)).toBe(answerTo(long, "tokens=300"));
  const attempts = use.workers.model.calls.filter((call) => call.messages[0]?.content === long.inputs[0]?.text);
  expect(attempts.map(({ prefix }) => prefix)).toEqual(["", held]);
  await second.stop();
});

test("SIGTERM while an attempt asks a session that no orchestrator answers for: exit code 0", async () => {
  const request = { ...firstTurn("hello"), turn: 3, startedVersion: 9 };
  const orphan = await use.workers.client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(request.key),
    taskQueue: TASK_QUEUE_SESSIONS,
    args: [{ key: request.key, agent: "concierge", lane: "shared" }],
  });
  const worker = await use.workers.start({ HOLDFAST_SHUTDOWN_GRACE_SECONDS: "2" });
  const handle = await use.workers.respond(request);
  await until(async () => (await use.workers.log.head(request.key)).turn === request.turn);
  worker.kill("SIGTERM");
  expect(await worker.exited).toMatchObject({ code: 0 });
  expect(worker.output()).not.toContain("was cut off");
  await orphan.terminate();
  await handle.terminate("nobody is to go on");
});

test("command-2: a cancellation that comes by heartbeat ends the answer as stopped, with its partial text", async () => {
  const worker = await use.workers.start();
  const request = firstTurn("faults:tokens=5000,delay=20ms");
  const handle = await use.workers.respond(request);
  const held = await until(() => use.workers.partialText(request));
  await handle.cancel("interrupt");
  const result = await handle.result();
  expect([result.finish, textOfResult(result).startsWith(held)]).toEqual(["interrupted", true]);
  await worker.stop();
});

test("SIGTERM while Temporal hangs: cut off at the end of the grace, exit code 0, and another worker goes on", async () => {
  const first = await use.workers.start({ ...CONTINUES, HOLDFAST_SHUTDOWN_GRACE_SECONDS: "2" });
  const request = firstTurn("faults:tokens=100,delay=20ms");
  const handle = await use.workers.respond(request);
  await until(() => use.workers.partialText(request));
  use.workers.temporal.kill("SIGSTOP");
  first.kill("SIGTERM");
  const { code } = await first.exited;
  use.workers.temporal.kill("SIGCONT");
  expect(code).toBe(0);
  expect(first.output()).toContain("was cut off");
  const second = await use.workers.start(CONTINUES);
  expect(textOfResult(await handle.result())).toBe(answerTo(request, "tokens=100"));
  await second.stop();
});

test("a process that is stopped while its workers are being made ends in order", async () => {
  Runtime.install({ logger: new DefaultLogger("ERROR") });
  const config = inferenceConfig({
    HOLDFAST_PORT: "0",
    HOLDFAST_LANES: "shared, heavy",
    HOLDFAST_LOG_LEVEL: "silent",
    HOLDFAST_REDIS_URL: use.workers.valkey.url,
    HOLDFAST_TEMPORAL_ADDRESS: use.workers.temporal.address,
  });
  const log = createLogger("inference", config);
  const made = Promise.withResolvers<void>();
  const onFatal = vi.fn<(error: unknown) => void>();
  const inference = await startInference(config, log, onFatal);
  let stopped: Promise<void> | undefined;
  vi.spyOn(log, "info").mockImplementation((...said: unknown[]) => {
    if (said.at(-1) !== "inference works") return;
    // Its workers are there, and do not run yet.
    stopped = inference.stop("SIGTERM");
    made.resolve();
  });
  await made.promise;
  await stopped;
  expect(onFatal).not.toHaveBeenCalled();
});
