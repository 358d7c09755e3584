import { type SessionKey, textOf, workflowIdOf } from "@holdfast/contract";
import { type LogFrame } from "@holdfast/internal";
import { WorkflowUpdateFailedError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, observe, run, startHarness, withText } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

const until: Harness["until"] = (key, done) => harness.until(key, done);

async function frames(key: SessionKey): Promise<LogFrame[]> {
  const read = await harness.log.read(key, "0", 1_000);
  if (read.outcome !== "frames") throw new Error("The log lost its beginning.");
  return read.frames;
}

test("turn-2: an input becomes a turn; its start, its parts and its end stand in the log in that order", async () => {
  const key = newKey();
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const event = { ...input(1, "hello"), id: "m-1" };
  await harness.signal(key, { runs: [{ by: "ann", producer: "p", at: 1_700, traceparent, events: [event] }] });
  const snapshot = await until(key, ({ turns }) => turns.length === 1);
  expect(snapshot).toEqual({
    version: 2,
    agent: "echo",
    state: {},
    running: null,
    applied: { "ann/p": 1 },
    turns: [
      {
        turn: 1,
        origin: "user",
        inputs: [{ by: "ann", producer: "p", seq: 1, origin: "user", at: 1_700, id: "m-1", text: "hello" }],
        steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text: "re: hello" }] }],
        outcome: "completed",
        finish: "stop",
        model: "scripted",
      },
    ],
  });
  const found = await frames(key);
  expect(found[0]).toMatchObject({ type: "turn.started", version: 1, origin: "user", traceparent });
  expect(found.at(-1)).toMatchObject({ type: "turn.ended", version: 2, outcome: "completed", step: 1, attempt: 1 });
  // end-1: readers hold the parts.
  expect(found.at(-1)).not.toHaveProperty("parts");
  expect(new Set(found.slice(1, -1).map((frame) => frame.type))).toEqual(new Set(["delta"]));
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
});

test("send-2, send-7: two producers, by two edges that repeat each other: each input once, in the order it came", async () => {
  const key = newKey();
  await Promise.all([
    harness.signal(key, batch("p", input(1, "p1"), input(2, "p2"))),
    harness.signal(key, batch("p", input(1, "p1"), input(2, "p2"), input(3, "p3"))),
    harness.signal(key, { runs: [run("q", input(1, "q1")), run("p", input(1, "p1"))] }),
  ]);
  const { turns, applied } = await until(key, (snapshot) => snapshot.turns.length >= 4);
  const texts = turns.flatMap((turn) => turn.inputs.map((taken) => taken.text));
  expect(texts.toSorted()).toEqual(["p1", "p2", "p3", "q1"]);
  expect(texts.filter((text) => text.startsWith("p"))).toEqual(["p1", "p2", "p3"]);
  expect(applied).toEqual({ "ann/p": 3, "ann/q": 1 });
});

test("send-3: observed facts reach readers without a turn, and the agent's typed state with them", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", observe(1, "click"), observe(2, "click")), "concierge");
  await harness.signal(key, batch("p", observe(2, "click"), observe(3, "hover")), "concierge");
  await until(key, ({ state }) => JSON.stringify(state["observed"] ?? []).includes("hover"));
  await harness.signal(key, batch("p", input(4, "I love the opera in Paris")), "concierge");
  const { state, turns } = await until(key, (snapshot) => snapshot.turns.length === 1);
  expect(turns.map(textOf)).toEqual(["re: I love the opera in Paris"]);
  expect(state).toMatchObject({
    messages: 1,
    observed: [
      { name: "click", count: 2 },
      { name: "hover", count: 1 },
    ],
  });
  expect(JSON.stringify(state["topics"])).toContain("opera");
  expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { state } });
  const versions = (await frames(key)).flatMap((frame) => ("version" in frame ? [frame.version] : []));
  expect(versions).toEqual(versions.map((_, i) => i + 1));
});

test("command-2: an interrupt ends the running turn with its partial text, and the next input goes on", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hold"), input(2, "next")));
  await harness.untilHeld(key, "held");
  const call = { id: "c1", name: "interrupt", args: { turn: 1 } };
  expect(await harness.command(key, call)).toEqual({ turn: 1 });
  const { turns } = await until(key, (snapshot) => snapshot.turns.length === 2);
  expect(withText(turns)).toMatchObject([
    { turn: 1, outcome: "interrupted", by: "ann", text: "held" },
    { turn: 2, outcome: "completed", text: "re: next" },
  ]);
  expect(await frames(key)).toContainEqual(expect.objectContaining({ type: "turn.ended", outcome: "interrupted" }));
  // A repeat is answered as the first time, though nothing runs any more.
  expect(await harness.command(key, call)).toEqual({ turn: 1 });
  expect(await harness.command(key, { id: "c2", name: "interrupt", args: {} })).toEqual({ turn: null });
});

test("command-2: interrupts that stop nothing leave no history, however many come", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")));
  await until(key, ({ turns }) => turns.length === 1);
  const lengthOf = async () => (await harness.handle(key).describe()).historyLength;
  const before = await lengthOf();
  // More than Temporal lets a run have of those that are accepted.
  for (let round = 0; round < 300; round++) {
    const calls = Array.from({ length: 7 }, (_, at) => ({ id: `c${round}-${at}`, name: "interrupt", args: {} }));
    const answers = await Promise.all(calls.map((call) => harness.command(key, call)));
    expect(answers).toEqual(calls.map(() => ({ turn: null })));
  }
  expect(await lengthOf()).toBe(before);
  await harness.signal(key, batch("p", input(2, "hold")));
  await harness.untilHeld(key, "held");
  expect(await harness.command(key, { id: "s", name: "interrupt", args: {} })).toEqual({ turn: 2 });
});

test("command-2: a turn no worker has begun can be interrupted", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")), "echo", "nobody");
  await until(key, ({ running }) => running !== null);
  expect(await harness.command(key, { id: "c1", name: "interrupt", args: {} })).toEqual({ turn: 1 });
  const { turns } = await until(key, (snapshot) => snapshot.turns.length === 1);
  expect(withText(turns)).toMatchObject([{ outcome: "interrupted", text: "" }]);
  expect((await frames(key)).map((frame) => frame.type)).toEqual(["turn.started", "turn.ended"]);
  expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { turns, running: null } });
});

test.for([
  [{ id: "c", name: "dance", args: {} }, "unknown_command"],
  [{ id: "c d", name: "interrupt", args: {} }, "invalid"],
  [{ id: "c", name: "interrupt", args: { turn: "x" } }, "invalid"],
  [{ id: "c", name: "interrupt", args: { turn: null } }, "invalid"],
  [{ id: "c", name: "interrupt", args: { turn: 1, more: "kept in history" } }, "invalid"],
] as const)("command-1: a command that cannot be is refused and leaves nothing behind: %j", async ([call, type]) => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")));
  await until(key, ({ turns }) => turns.length === 1);
  const refusal = await harness.command(key, call).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
  expect(refusal).toMatchObject({ cause: { type } });
  const { events } = await harness.handle(key).fetchHistory();
  expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toEqual([]);
});

test("turn-3, turn-5: a refused turn fails with its code, and the session goes on", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "refuse"), input(2, "hello")));
  const { turns } = await until(key, (snapshot) => snapshot.turns.length === 2);
  expect(withText(turns)).toMatchObject([
    { outcome: "failed", text: "", error: { code: "model_refused" } },
    { outcome: "completed", text: "re: hello" },
  ]);
});

test("frame-3: a turn whose model breaks off each time keeps what it had said: readers, transcript and model have it", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "break")));
  const snapshot = await until(key, ({ turns }) => turns.length === 1);
  const ended = { outcome: "failed", finish: "error", error: { code: "model_unavailable" } };
  expect(withText(snapshot.turns)).toMatchObject([{ ...ended, text: "half" }]);
  expect((await frames(key)).at(-1)).toMatchObject({ type: "turn.ended", ...ended });
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
});

test("a malformed or undecodable signal, or one of another name, does not stop a session", async () => {
  const key = newKey();
  await harness.signal(key, "no batch");
  await harness.signal(key, { runs: [{ by: "ann", producer: "p", at: 0, events: [{ seq: "x" }] }] });
  const encoding = new TextEncoder().encode("binary/secret");
  await harness.client.workflowService.signalWorkflowExecution({
    namespace: "default",
    workflowExecution: { workflowId: workflowIdOf(key) },
    signalName: "events",
    input: { payloads: [{ metadata: { encoding }, data: new Uint8Array([1, 2, 3]) }] },
  });
  await harness.handle(key).signal("other", { runs: [] });
  await harness.signal(key, batch("p", input(1, "hello")));
  const { turns } = await until(key, (snapshot) => snapshot.turns.length === 1);
  expect(turns.map(textOf)).toEqual(["re: hello"]);
});

test("turns keep the order of what was sent while one ran", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hold")));
  await harness.untilHeld(key, "held");
  for (let seq = 2; seq <= 6; seq++) await harness.signal(key, batch("p", input(seq, `m${seq}`)));
  expect(await harness.snapshot(key)).toMatchObject({ running: { turn: 1 }, applied: { "ann/p": 1 } });
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  const { turns } = await until(key, (snapshot) => snapshot.turns.length === 6);
  expect(turns.slice(1).map(textOf)).toEqual(["re: m2", "re: m3", "re: m4", "re: m5", "re: m6"]);
});

test("an agent this deployment lacks leaves the session waiting, not dead", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")), "not-yet-deployed");
  await eventually(async () => {
    const { events } = await harness.handle(key).fetchHistory();
    const failures = events?.flatMap((event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? []) ?? [];
    expect(failures.join()).toContain('no agent "not-yet-deployed"');
  });
  expect((await harness.handle(key).describe()).status.name).toBe("RUNNING");
});
