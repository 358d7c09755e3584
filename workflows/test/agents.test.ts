import { fileURLToPath } from "node:url";
import type { SessionKey, Snapshot } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, observe, startHarness } from "./harness.ts";

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

async function frameTypes(key: SessionKey): Promise<string[]> {
  const read = await harness.log.read(key, "0", 1_000);
  return read.outcome === "frames" ? read.frames.map((frame) => frame.type) : ["unknown"];
}

test("frame-4: a turn of two steps is one text, and its text frames are numbered through", async () => {
  const { key, snapshot } = await afterTurns("two-steps", "hello");
  expect(snapshot.turns).toMatchObject([{ outcome: "completed", text: "re: hellore: re: hello" }]);
  expect(snapshot.state).toEqual({ notes: ["re: hello"] });
  const read = await harness.log.read(key, "0", 100);
  const deltas = read.outcome === "frames" ? read.frames.filter((frame) => frame.type === "delta") : [];
  expect(deltas.map((delta) => delta.index)).toEqual(deltas.map((_, i) => i + 1));
  expect(new Set(deltas.map((delta) => delta.step))).toEqual(new Set([1, 2]));
  expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
});

test("frame-2: a turn without a reply has its start and its end in the log all the same", async () => {
  const { key, snapshot } = await afterTurns("silent", "hello", "again");
  expect(snapshot).toMatchObject({ version: 4, state: { notes: ["again"] }, turns: [{ text: "" }, { text: "" }] });
  expect(await frameTypes(key)).toEqual(["turn.started", "turn.completed", "turn.started", "turn.completed"]);
});

test("turn-5: an agent that throws fails its turn, leaves no trace in the state, and the session goes on", async () => {
  const { key, snapshot } = await afterTurns("thrower", "early", "late", "early");
  expect(snapshot.turns).toMatchObject([
    { outcome: "failed", text: "", error: { code: "agent_error" } },
    { outcome: "failed", text: "re: late", finish: "error", error: { code: "agent_error" } },
    { outcome: "failed", text: "", error: { code: "agent_error" } },
  ]);
  expect(JSON.stringify(snapshot)).not.toContain("defect");
  expect(snapshot.state).toEqual({ notes: [] });
  expect((await frameTypes(key)).filter((type) => type === "turn.failed")).toHaveLength(3);
});

test("frame-3: what a failed turn had said stays, marked, for readers and for the model", async () => {
  const { key, snapshot } = await afterTurns("half-refused", "give up", "make do", "try again");
  expect(snapshot.turns).toMatchObject([
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
  expect(snapshot.turns).toMatchObject([
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
  expect(snapshot).toMatchObject({ state: { notes: ["TurnFailure"] }, turns: [{ outcome: "completed", text: "" }] });
});

test("turn-5: a turn that takes longer than its agent allows fails by its deadline, and the next one runs", async () => {
  const { snapshot } = await afterTurns("impatient", "hold", "hello");
  expect(snapshot.turns).toMatchObject([
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
  await eventually(async () => {
    expect(await harness.log.snapshot(key)).toMatchObject({ snapshot: { running: { text: "held" } } });
  });
  await harness.command(key, { id: "c1", name: "interrupt", args: {} });
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(turns).toMatchObject([{ outcome: "interrupted", text: "held", finish: "interrupted" }]);
});
