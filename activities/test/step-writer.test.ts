import { setTimeout as sleep } from "node:timers/promises";
import { sessionPath } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";
import { expect, test, vi } from "vitest";
import { StepWriter, type StepWriterOptions } from "../src/step-writer.ts";
import { firstTurn } from "./first-turn.ts";
import { startOf, until, useFixture } from "./fixture.ts";

const use = useFixture();
const SETTLE_MS = 5_000;

interface Written {
  request: StepRequest;
  writer: StepWriter;
  onStop: () => void;
  onStale: () => void;
}

/** A writer of a new session's first step, or of the next attempt at that of `request`. */
function writerOf(request = firstTurn("hello"), attempt = 1, options: Partial<StepWriterOptions> = {}): Written {
  const [onStop, onStale] = [vi.fn<() => void>(), vi.fn<() => void>()];
  const fence = { epoch: 1, turn: 1, step: 1, attempt };
  const place = { log: use.fixture.sessionLog, key: request.key, fence, started: startOf(request) };
  return { request, onStop, onStale, writer: new StepWriter({ ...place, batchMs: 0, onStop, onStale, ...options }) };
}

/** Types of the growing frames, and what they begin. */
async function framesOf({ key }: StepRequest): Promise<string[]> {
  const frames = await use.fixture.frames(key);
  return frames.flatMap((frame) => {
    if (frame.type === "delta") return [frame.begins ?? "delta"];
    return frame.type === "part" || frame.type === "rewind" ? [frame.type] : [];
  });
}

test("frame-4, frame-6: reasoning and text grow, whole parts are placed, and readers hold what the writer has", async () => {
  const { request, writer } = writerOf();
  expect(await writer.begin(0)).toMatchObject({ outcome: "ok", parts: [], index: 0 });
  writer.say("reasoning", "hm");
  await until(() => writer.index === 1);
  writer.say("reasoning", ", yes");
  writer.place({ type: "data", name: "reading", id: "1", value: 1 });
  writer.say("text", "Hello");
  writer.place({ type: "data", name: "reading", id: "1", value: 2 });
  await writer.finish(SETTLE_MS);
  const parts = [
    { type: "reasoning", text: "hm, yes" },
    { type: "data", name: "reading", id: "1", value: 2 },
    { type: "text", text: "Hello" },
  ];
  expect(writer.parts).toEqual(parts);
  const last = (await use.fixture.snapshots(request.key)).at(-1);
  expect(last?.running).toMatchObject({ step: 1, attempt: 1, index: writer.index, parts });
  expect(await framesOf(request)).toEqual(["reasoning", "delta", "part", "text"]);
});

test("what arrives while a write is under way goes with the next one, and a new part does not wait for its batch", async () => {
  const { request, writer } = writerOf(undefined, 1, { batchMs: 60_000 });
  await writer.begin(0);
  writer.say("reasoning", "one");
  writer.place({ type: "data", name: "n", value: 1 });
  writer.say("text", "two ");
  await until(() => writer.index === 3);
  for (const word of ["three ", "four "]) writer.say("text", word);
  await writer.finish(SETTLE_MS);
  expect(await framesOf(request)).toEqual(["reasoning", "part", "text", "delta"]);
  const deltas = await use.fixture.framesOf(request.key, "delta");
  expect(deltas.map(({ text }) => text)).toEqual(["one", "two ", "three four "]);
});

test("halves of a character wait for each other, and one that stays alone is replaced where another part begins", async () => {
  const { request, writer } = writerOf();
  await writer.begin(0);
  writer.say("text", "a\ud83c");
  await until(() => writer.index === 1);
  writer.say("text", "\udf0ab\ud83c");
  writer.say("reasoning", "c\ud83c");
  writer.place({ type: "data", name: "n", value: null });
  writer.say("text", "\ud83c");
  await writer.finish(SETTLE_MS);
  const texts = ["a\u{1f30a}b\ufffd", "c\ufffd", undefined, "\ufffd"];
  expect(writer.parts.map((part) => ("text" in part ? part.text : undefined))).toEqual(texts);
  expect(await use.fixture.heldParts(request.key)).toEqual(writer.parts);
});

test("frame-5: an attempt that starts over leaves readers what they have until it has something of its own", async () => {
  const first = writerOf();
  await first.writer.begin(0);
  first.writer.say("text", "Hello");
  await first.writer.finish(SETTLE_MS);
  const { request, writer } = writerOf(first.request, 2);
  await writer.begin(0);
  await writer.finish(SETTLE_MS);
  expect(await framesOf(request)).toEqual(["text"]);
  const third = writerOf(request, 3).writer;
  await third.begin(0);
  third.say("reasoning", "hm");
  await third.finish(SETTLE_MS);
  expect(await framesOf(request)).toEqual(["text", "rewind"]);
  expect(await use.fixture.heldParts(request.key)).toEqual([{ type: "reasoning", text: "hm" }]);
});

test("grow-4: an attempt that goes on adds behind what readers hold, and reasoning stays as it stands", async () => {
  const first = writerOf();
  await first.writer.begin(0);
  first.writer.say("reasoning", "hm");
  first.writer.say("text", "Hel");
  await first.writer.finish(SETTLE_MS);
  const { request, writer } = writerOf(first.request, 2);
  await writer.begin(0);
  writer.goOn();
  writer.say("text", "lo");
  await writer.finish(SETTLE_MS);
  expect(await framesOf(request)).toEqual(["reasoning", "text", "delta"]);
  const parts = [
    { type: "reasoning", text: "hm" },
    { type: "text", text: "Hello" },
  ];
  expect(await use.fixture.running(request.key)).toMatchObject({ attempt: 2, index: 3, parts });
});

test("frame-5: what is taken back is taken back, also where nothing is left", async () => {
  const { request, writer } = writerOf();
  await writer.begin(0);
  writer.say("text", "wrong");
  await until(() => writer.index === 1);
  writer.rewind([]);
  await writer.finish(SETTLE_MS);
  expect(writer.index).toBe(2);
  expect(await use.fixture.running(request.key)).toMatchObject({ index: 2, parts: [] });
});

test("a writer that is overtaken says so once, and writes no more", async () => {
  const { request, writer, onStale } = writerOf();
  await writer.begin(0);
  writer.say("text", "one");
  await until(() => writer.index === 1);
  await writerOf(request, 2).writer.begin(0);
  writer.say("text", "two");
  await until(() => vi.mocked(onStale).mock.calls.length > 0);
  writer.say("text", "three");
  await writer.finish(SETTLE_MS);
  expect(onStale).toHaveBeenCalledTimes(1);
  expect(writer.index).toBeUndefined();
  expect(await framesOf(request)).toEqual(["text"]);
});

test("command-2: a stop is heard with the next write", async () => {
  const { request, writer, onStop } = writerOf();
  await writer.begin(0);
  await use.fixture.sessionLog.requestStop(request.key, request);
  writer.say("text", "one");
  await until(() => vi.mocked(onStop).mock.calls.length > 0);
  await writer.finish(SETTLE_MS);
});

test("the log is away in the middle: nothing waits for it, and readers get all parts once it is back", async () => {
  const log = new Proxied();
  const { request, writer } = writerOf(undefined, 1, { log });
  await writer.begin(0);
  writer.say("reasoning", "hm");
  await until(() => writer.index === 1);
  log.isAway = true;
  writer.say("text", "Hel");
  await until(() => log.refused > 2);
  expect(writer.index).toBeUndefined();
  writer.say("text", "lo");
  log.isAway = false;
  await until(() => writer.index);
  await writer.finish(SETTLE_MS);
  expect(await use.fixture.heldParts(request.key)).toEqual(writer.parts);
  expect(await framesOf(request)).toEqual(["reasoning", "text"]);
});

test("a log that is away at the end is not waited for, and the writer does not claim that readers hold its parts", async () => {
  const log = new Proxied();
  const { writer } = writerOf(undefined, 1, { log });
  log.isAway = true;
  expect(await writer.begin(0)).toBeUndefined();
  writer.say("text", "Hello");
  await until(() => log.refused > 1);
  await writer.finish(SETTLE_MS);
  expect([writer.parts, writer.index]).toEqual([[{ type: "text", text: "Hello" }], undefined]);
});

test("a write that is given up and arrives late changes nothing: the fence was taken anew above its number", async () => {
  const log = new Proxied();
  const { request, writer } = writerOf(undefined, 1, { log });
  await writer.begin(0);
  writer.say("text", "a");
  await until(() => writer.index === 1);
  const late = log.holdNext();
  writer.say("text", "b");
  writer.say("text", "c");
  await until(() => writer.index === 2);
  await late();
  await writer.finish(SETTLE_MS);
  expect(await use.fixture.heldParts(request.key)).toEqual([{ type: "text", text: "abc" }]);
});

for (const [what, strike] of Object.entries({
  "loses all of it": async () => void (await use.fixture.redis.flushall()),
  "loses its parts": async ({ key }: StepRequest) => {
    await use.fixture.redis.del(`hf:{${sessionPath(key)}}:parts`);
  },
  "loses the part that grows": async ({ key }: StepRequest) => {
    await use.fixture.redis.del(`hf:{${sessionPath(key)}}:text`);
  },
})) {
  test(`turn-4: a log that ${what} has all parts in the end, none glued behind another`, async () => {
    const { request, writer } = writerOf();
    await writer.begin(0);
    writer.say("reasoning", "hm");
    writer.place({ type: "data", name: "n", value: 1 });
    writer.say("text", "Hel");
    await until(() => writer.index);
    await strike(request);
    writer.say("text", "lo");
    await writer.finish(SETTLE_MS);
    expect(writer.index).toBeGreaterThan(0);
    expect(await use.fixture.running(request.key)).toMatchObject({ parts: writer.parts, index: writer.index });
  });
}

/** The log behind a connection that can break. */
class Proxied implements Pick<typeof use.fixture.sessionLog, "begin" | "write"> {
  isAway = false;
  /** Calls that found it away. */
  refused = 0;
  #held: PromiseWithResolvers<void> | undefined;
  #late: Promise<unknown> = Promise.resolve();

  /** The next write is given up on its way. Returns what lets it arrive. */
  holdNext(): () => Promise<void> {
    const held = Promise.withResolvers<void>();
    this.#held = held;
    return async () => {
      held.resolve();
      await this.#late;
    };
  }

  begin: typeof use.fixture.sessionLog.begin = async (...args) => {
    await this.#reach();
    return use.fixture.sessionLog.begin(...args);
  };

  write: typeof use.fixture.sessionLog.write = async (...args) => {
    await this.#reach();
    const held = this.#held;
    if (held === undefined) return use.fixture.sessionLog.write(...args);
    this.#held = undefined;
    this.#late = held.promise.then(() => use.fixture.sessionLog.write(...args));
    throw new Error("The command timed out.");
  };

  async #reach(): Promise<void> {
    if (!this.isAway) return;
    this.refused++;
    await sleep(1);
    throw new Error("The connection is closed.");
  }
}
