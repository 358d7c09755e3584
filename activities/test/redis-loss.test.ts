import { sessionPath } from "@holdfast/contract";
import { type StepRequest } from "@holdfast/internal";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { startValkey } from "@holdfast/stack/servers";
import { expect, test } from "vitest";
import { firstTurn } from "./first-turn.ts";
import { until, useFixture } from "./fixture.ts";

const use = useFixture();
const answerTo = (request: StepRequest, tokens: number): string =>
  answerTokens(request.inputs[0]?.text ?? "", parseScript(`tokens=${tokens}`)).join("");
/** Once Redis answers: a connection that hung for too long is made anew. */
const someText = (request: StepRequest) => until(() => use.fixture.partialText(request.key).catch(() => undefined));

test("a log that is lost in the middle of an answer is brought back with the whole text", async () => {
  const request = firstTurn("faults:tokens=150,delay=5ms");
  const { result } = use.fixture.run(request);
  await someText(request);
  await use.fixture.redis.flushall();
  const { text } = await result;
  expect(text).toBe(answerTo(request, 150));
  expect(await use.fixture.partialText(request.key)).toBe(text);
  expect((await use.fixture.frames(request.key)).some(({ type }) => type === "turn.started")).toBe(true);
});

test("Redis dies in the middle of an answer and comes back empty: nothing waits for it, and readers get the whole text", async () => {
  const request = firstTurn("faults:tokens=400,delay=10ms");
  const { result } = use.fixture.run(request);
  await someText(request);
  const { port } = use.fixture.valkey;
  use.fixture.valkey.kill("SIGKILL");
  await use.fixture.valkey.exited;
  use.fixture.valkey = await startValkey({ port });
  const repaired = await until(() => use.fixture.partialText(request.key).catch(() => ""));
  const answer = answerTo(request, 400);
  expect(answer.startsWith(repaired)).toBe(true);
  const { text } = await result;
  expect(text).toBe(answer);
  expect(await use.fixture.partialText(request.key)).toBe(answer);
});

test("Redis is away from before the first text to the end: the answer is made all the same", async () => {
  const { port } = use.fixture.valkey;
  use.fixture.valkey.kill("SIGKILL");
  await use.fixture.valkey.exited;
  await until(() => use.fixture.redis.status !== "ready");
  const request = firstTurn("faults:tokens=20,delay=5ms", { contextTurns: 0 });
  const { text, finish, index } = await use.fixture.run(request).result;
  expect([text, finish]).toEqual([answerTo(request, 20), "stop"]);
  // end-1: nobody is said to hold it.
  expect(index).toBeUndefined();
  use.fixture.valkey = await startValkey({ port });
  await until(() => use.fixture.redis.status === "ready");
});

test("Redis hangs to the end: the answer is made all the same, and what arrives late garbles nothing", async () => {
  const request = firstTurn("faults:tokens=300,delay=10ms");
  const { result } = use.fixture.run(request);
  await someText(request);
  use.fixture.valkey.kill("SIGSTOP");
  const { text } = await result;
  expect(text).toBe(answerTo(request, 300));
  use.fixture.valkey.kill("SIGCONT");
  const held = await someText(request);
  expect(text.startsWith(held)).toBe(true);
});

test("Redis hangs until commands time out, and comes back: readers get the whole text, never a garbled one", async () => {
  const request = firstTurn("faults:tokens=500,delay=10ms");
  const { result } = use.fixture.run(request);
  await someText(request);
  use.fixture.valkey.kill("SIGSTOP");
  await expect(use.fixture.redis.ping()).rejects.toThrow("timed out");
  use.fixture.valkey.kill("SIGCONT");
  const { text } = await result;
  expect(text).toBe(answerTo(request, 500));
  const texts = await use.fixture.partialTexts(request.key);
  expect(texts.filter((partial) => !text.startsWith(partial))).toEqual([]);
  expect(texts.at(-1)).toBe(text);
});

/** How many writes Valkey has refused because its memory is full. */
const refusedWrites = async (): Promise<number> => {
  const statistics = await use.fixture.redis.info("errorstats");
  return Number(/errorstat_OOM:count=(\d+)/.exec(statistics)?.[1] ?? 0);
};

/** What befalls Redis in mid-answer. Each is over when it returns, and has been met by what the model writes. */
const SICKNESSES: Record<string, (request: StepRequest) => Promise<void>> = {
  "refuses writes": async () => {
    await use.fixture.redis.call("CONFIG", ["SET", "maxmemory", "1"]);
    await until(async () => (await refusedWrites()) > 0);
    await use.fixture.redis.call("CONFIG", ["SET", "maxmemory", "0"]);
  },
  "loses the text": async ({ key }) => {
    await use.fixture.redis.del(`hf:{${sessionPath(key)}}:text`);
  },
  // Shorter than the shortest text the log can hold: what has the length of the text is believed to be it.
  "has something else in the place of the text": async ({ key }) => {
    await use.fixture.redis.set(`hf:{${sessionPath(key)}}:text`, "junk");
  },
};

for (const [what, strike] of Object.entries(SICKNESSES)) {
  test(`turn-4: Redis ${what} in the middle of an answer: the text is whole in the end, and never glued behind another`, async () => {
    const request = firstTurn("faults:tokens=200,delay=10ms");
    const { result } = use.fixture.run(request);
    await someText(request);
    await strike(request);
    const { text } = await result;
    expect(text).toBe(answerTo(request, 200));
    expect(await use.fixture.partialText(request.key)).toBe(text);
  });
}
