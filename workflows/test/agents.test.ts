import { fileURLToPath } from "node:url";
import type { SessionKey, Snapshot } from "@holdfast/contract";
import type { LogFrame } from "@holdfast/internal";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, observe, startHarness, withText } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ workflowsPath: fileURLToPath(new URL("test-agents.ts", import.meta.url)) });
});
afterAll(() => harness.stop());

async function afterTurns(agent: string, ...texts: string[]): Promise<{ key: SessionKey; snapshot: Snapshot }> {
  const key = newKey();
  await harness.signal(key, batch("p", ...texts.map((text, i) => input(i + 1, text))), agent);
  const snapshot = await harness.until(key, ({ turns }) => turns.length === texts.length);
  return { key, snapshot };
}

async function framesOf(key: SessionKey): Promise<LogFrame[]> {
  const read = await harness.log.read(key, "0", 1_000);
  if (read.outcome !== "frames") throw new Error("The log lost its beginning.");
  return read.frames;
}

test("grow-1, end-2: a turn of two steps is one text, its growing frames are numbered through, and a step ends between", async () => {
  const { key, snapshot } = await afterTurns("two-steps", "hello");
  expect(withText(snapshot.turns)).toMatchObject([{ outcome: "completed", text: "re: hellore: re: hello" }]);
  expect(snapshot.turns[0]?.steps).toMatchObject([
    { step: 1, attempt: 1, parts: [{ type: "text", text: "re: hello" }] },
    { step: 2, attempt: 1, parts: [{ type: "text", text: "re: re: hello" }] },
  ]);
  expect(snapshot.state).toEqual({ notes: ["re: hello"] });
  const frames = await framesOf(key);
  const deltas = frames.filter((frame) => frame.type === "delta");
  expect(deltas.map((delta) => delta.index)).toEqual(deltas.map((_, i) => i + 1));
  expect(new Set(deltas.map((delta) => delta.step))).toEqual(new Set([1, 2]));
  const versioned = frames.filter((frame) => "version" in frame);
  expect(versioned.map(({ type, version }) => [type, version])).toEqual([
    ["turn.started", 1],
    ["step.ended", 2],
    ["turn.ended", 3],
  ]);
  // The agent's update after the first step comes with that step's end.
  const [, stepEnded, turnEnded] = versioned;
  expect(stepEnded).toMatchObject({ step: 1, patch: [{ op: "add", path: "/notes", value: ["re: hello"] }] });
  expect(turnEnded).toMatchObject({ step: 2, patch: [] });
  // end-1: readers hold the parts, and are not sent them again.
  for (const ended of [stepEnded, turnEnded]) expect(ended).not.toHaveProperty("parts");
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
  await harness.replay(key);
});

test("snap-3: a turn between its steps, or in its second one, is the same to whoever asks workflow and log", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")), "hold-second");
  await harness.untilHeld(key, "re: helloheld");
  const { running, version, state } = await harness.snapshot(key);
  expect(running).toMatchObject({ steps: [{ step: 1 }], step: 2, attempt: 1, index: 0, parts: [] });
  const read = await harness.log.snapshot(key);
  expect(read).toMatchObject({ snapshot: { version, state, running: { steps: running?.steps, step: 2 } } });
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(withText(turns)).toMatchObject([{ outcome: "interrupted", by: "ann", text: "re: helloheld" }]);
  expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { turns, running: null } });
});

test("turn-3: what a step of a turn that then fails had changed is taken back, for readers, too", async () => {
  const { key, snapshot } = await afterTurns("late-thrower", "hello", "again");
  expect(snapshot).toMatchObject({ state: { notes: [] }, turns: [{ outcome: "failed" }, { outcome: "failed" }] });
  const patches = (await framesOf(key)).flatMap((frame) => ("patch" in frame ? [frame.patch] : []));
  expect(patches).toEqual([
    [{ op: "add", path: "/notes", value: ["re: hello"] }],
    [{ op: "replace", path: "/notes", value: [] }],
    [{ op: "add", path: "/notes/-", value: "re: again" }],
    [{ op: "replace", path: "/notes", value: [] }],
  ]);
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
});

test("frame-2: a turn without a reply has its start and its end in the log all the same", async () => {
  const { key, snapshot } = await afterTurns("silent", "hello", "again");
  expect(snapshot).toMatchObject({ version: 4, state: { notes: ["again"] }, turns: [{ steps: [] }, { steps: [] }] });
  const types = (await framesOf(key)).map(({ type }) => type);
  expect(types).toEqual(["turn.started", "turn.ended", "turn.started", "turn.ended"]);
});

test("turn-5: an agent that throws fails its turn, leaves no trace in the state, and the session goes on", async () => {
  const { key, snapshot } = await afterTurns("thrower", "early", "late", "early");
  expect(withText(snapshot.turns)).toMatchObject([
    { outcome: "failed", text: "", error: { code: "agent_error" } },
    { outcome: "failed", text: "re: late", finish: "error", error: { code: "agent_error" } },
    { outcome: "failed", text: "", error: { code: "agent_error" } },
  ]);
  expect(JSON.stringify(snapshot)).not.toContain("defect");
  expect(snapshot.state).toEqual({ notes: [] });
  const ends = (await framesOf(key)).filter((frame) => frame.type === "turn.ended");
  expect(ends.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "failed"]);
});

test("frame-3: what a failed turn had said stays, marked, for readers and for the model", async () => {
  const { key, snapshot } = await afterTurns("half-refused", "give up", "make do", "try again");
  expect(withText(snapshot.turns)).toMatchObject([
    { outcome: "failed", text: "re: give upand half", finish: "error", error: { code: "model_refused" } },
    { outcome: "completed", text: "re: make doand half", finish: "error" },
    // Another step voids what the one before it had said.
    { outcome: "completed", text: "re: try againre: re: try again", finish: "stop" },
  ]);
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
  expect(harness.model.prompts.at(-1)?.messages).toContainEqual({
    role: "assistant",
    content: expect.stringMatching(/^re: give upand half\n\n\[.*\]$/),
  });
});

test("turn-5: an agent that loops for ever fails its turn, holds up nobody, and can be replayed", async () => {
  const { key, snapshot } = await afterTurns("endless", "at once", "after a reply", "awaiting", "long");
  const error = { code: "agent_error", message: "The agent did not come to an end on this message." };
  expect(withText(snapshot.turns)).toMatchObject([
    { outcome: "failed", error },
    { outcome: "failed", text: "re: after a reply", finish: "error", error },
    { outcome: "failed", error },
    { outcome: "completed" },
  ]);
  await harness.signal(key, batch("q", observe(1, "loop"), input(2, "long")), "endless");
  await harness.until(key, ({ turns }) => turns.length === 5);
  const { events } = await harness.handle(key).fetchHistory();
  expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  await harness.replay(key);
});

test("turn-5: what an agent threw stands beside its session in Temporal's UI, with file and line", async () => {
  const { key } = await afterTurns("thrower", "early");
  const metadata = await harness.handle(key).query<{ currentDetails: string }>("__temporal_workflow_metadata");
  expect(metadata.currentDetails).toContain("Turn 1 failed");
  expect(metadata.currentDetails).toMatch(/a defect of the agent[^]*test-agents\.ts:\d+/);
});

test("turn-5: a state over the limit fails the turn", async () => {
  const { snapshot } = await afterTurns("hoarder", "hello");
  expect(snapshot.turns).toMatchObject([{ outcome: "failed", error: { code: "state_too_large" } }]);
});

test("an agent may end a turn in its own way when the model refuses", async () => {
  const { snapshot } = await afterTurns("catcher", "refuse");
  expect(snapshot.state).toEqual({ notes: ["TurnFailure"] });
  expect(withText(snapshot.turns)).toMatchObject([{ outcome: "completed", finish: "error", text: "" }]);
});

test("turn-5: a turn that takes longer than its agent allows fails by its deadline, and the next one runs", async () => {
  const { snapshot } = await afterTurns("impatient", "hold", "hello");
  expect(withText(snapshot.turns)).toMatchObject([
    { outcome: "failed", text: "held", finish: "error", error: { code: "turn_deadline" } },
    { outcome: "completed", text: "re: hello" },
  ]);
});

test("turn-1: an agent that asks twice at once fails, and its first step does not reach into the next turn", async () => {
  const { key, snapshot } = await afterTurns("hasty", "hello", "again");
  expect(snapshot.turns).toMatchObject([
    { outcome: "failed", error: { code: "agent_error" } },
    { outcome: "failed", error: { code: "agent_error" } },
  ]);
  await eventually(async () => {
    expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
  });
});

test("turn-1: what an agent did not wait for is cancelled, and changes nothing after its turn", async () => {
  const { key } = await afterTurns("careless", "hold", "hello");
  await eventually(async () => {
    const { events } = await harness.handle(key).fetchHistory();
    expect(events?.some((event) => event.activityTaskCancelRequestedEventAttributes)).toBe(true);
  });
  await harness.signal(key, batch("p", input(3, "again")));
  const { state, turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 3);
  expect(state).toEqual({ notes: [] });
  expect(turns.map((turn) => turn.outcome)).toEqual(["completed", "completed", "completed"]);
});

test("command-2: an interrupt ends a turn as interrupted, whatever its agent makes of it", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hold")), "wrapper");
  await harness.untilHeld(key, "held");
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(withText(turns)).toMatchObject([{ outcome: "interrupted", text: "held", finish: "interrupted" }]);
});
