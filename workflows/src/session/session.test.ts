import type { Event } from "@holdfast/contract/events";
import { expect, test } from "vitest";
import {
  completeTurn,
  depsOf,
  handedOn,
  input,
  newSession,
  observe,
  oldSession,
  send,
  startTurn,
  taken,
  watcher,
} from "../../test/session-fixture.ts";
import { stepResult, textPart } from "../../test/turn-fixture.ts";
import { StateTooLargeError } from "./agent-state.ts";
import { TurnFailure } from "./turn-failure.ts";

const live = { ...watcher, publishObserved: "at-once" as const };
const failed = { outcome: "failed", failure: new TurnFailure("agent_error", "oh") } as const;
const call = { id: "c1", by: "ann", name: "interrupt", args: {} };

test("frame-3: a session nobody has sent anything to is empty, its state too", () => {
  expect(newSession().snapshot()).toEqual({
    version: 0,
    agent: "watcher",
    state: {},
    turns: [],
    running: null,
    applied: {},
  });
});

test("send-2, turn-1: each input becomes one turn, in order, whichever signal brought it", async () => {
  const session = newSession();
  send(session, "p", input(1), input(2));
  send(session, "q", input(1));
  send(session, "p", input(2), input(3));
  const texts = [];
  while (session.hasInput) texts.push((await completeTurn(session)).turn?.inputs[0]);
  expect(texts.map((input) => `${input?.producer}${input?.seq}`)).toEqual(["p1", "p2", "q1", "p3"]);
});

test("send-8: a turn shows who sent its input, when, what made it, and the client's name for it", () => {
  const session = newSession();
  const event: Event = { seq: 1, kind: "input", id: "m-1", text: "hi", data: { x: 1 } };
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  session.receive({ runs: [{ by: "ann", producer: "p", at: 1_700, traceparent, events: [event] }] });
  const { inputs, ...started } = startTurn(session).started();
  expect(inputs).toEqual([
    { by: "ann", producer: "p", seq: 1, origin: "user", at: 1_700, id: "m-1", text: "hi", data: { x: 1 } },
  ]);
  expect(started).toMatchObject({ origin: "user", traceparent, applied: { "ann/p": 1 } });
});

test("frame-2, snap-3: a turn's start raises the version and shows what runs", () => {
  const session = newSession();
  send(session, "p", input(5));
  expect(startTurn(session)).toMatchObject({ number: 1, version: 1 });
  const running = { turn: 1, origin: "user", inputs: [taken(5)], steps: [], step: 1, attempt: 1, index: 0, parts: [] };
  expect(session.snapshot()).toMatchObject({
    version: 1,
    applied: { "ann/p": 5 },
    running: { ...running, questions: [] },
  });
  expect(session.startTurn(depsOf())).toBeUndefined();
});

test("frame-3: the first patch brings the agent's initial state", async () => {
  const session = newSession();
  send(session, "p", input(1));
  expect(await completeTurn(session)).toMatchObject({
    frame: {
      patch: [
        { op: "add", path: "/clicks", value: [] },
        { op: "add", path: "/note", value: "" },
      ],
    },
    state: { clicks: [], note: "" },
  });
});

test("frame-3: a completed turn commits its steps and the change of state", async () => {
  const session = await oldSession();
  send(session, "q", input(1));
  const turn = startTurn(session, stepResult("hello", { attempt: 2, index: 4, usage: { outputTokens: 3 } }));
  turn.update({ clicks: [], note: "met" });
  expect(session.snapshot().state).toEqual({ clicks: [], note: "" });
  const commit = session.endTurn(await turn.run());
  const parts = [textPart("hello")];
  const ending = { outcome: "completed", finish: "stop", usage: { outputTokens: 3 }, model: "m" };
  expect(commit).toEqual({
    run: "run-1",
    epoch: 1,
    frame: {
      type: "turn.ended",
      version: 4,
      turn: 2,
      ...ending,
      step: 1,
      attempt: 2,
      index: 4,
      parts,
      patch: [{ op: "replace", path: "/note", value: "met" }],
    },
    state: { clicks: [], note: "met" },
    turn: { turn: 2, origin: "user", inputs: [taken(1, "q")], steps: [{ step: 1, attempt: 2, parts }], ...ending },
    keepTurns: 2,
  });
});

test("end-2: a step that is not the last is committed with the state so far, and the turn's end has the rest", async () => {
  const session = await oldSession();
  send(session, "q", input(1));
  const turn = startTurn(session, stepResult("one ", { index: 3 }));
  await turn.reply();
  turn.update({ note: "half" });
  const parts = [textPart("one ")];
  expect(session.endStep()).toEqual({
    run: "run-1",
    epoch: 1,
    frame: {
      type: "step.ended",
      version: 4,
      turn: 2,
      step: 1,
      attempt: 1,
      index: 3,
      parts,
      patch: [{ op: "replace", path: "/note", value: "half" }],
    },
    state: { clicks: [], note: "half" },
  });
  expect(session.snapshot()).toMatchObject({
    version: 4,
    state: { note: "half" },
    running: { turn: 2, steps: [{ step: 1, attempt: 1, parts }], step: 2, attempt: 1, index: 0, parts: [] },
  });
  turn.update({ note: "whole" });
  expect(session.endTurn(await turn.run())).toMatchObject({
    frame: { version: 5, step: 2, patch: [{ op: "replace", path: "/note", value: "whole" }] },
    turn: { steps: [{ step: 1 }, { step: 2 }] },
  });
});

test("turn-3: a failed turn leaves no trace in the state but what was observed meanwhile", async () => {
  const session = newSession();
  send(session, "p", input(1), input(2));
  const turn = startTurn(session);
  turn.update({ note: "draft" });
  send(session, "p", observe(3, "click"));
  expect(turn.state).toEqual({ clicks: ["click"], note: "draft" });
  const commit = session.endTurn(failed);
  expect(commit?.frame).toMatchObject({ outcome: "failed", error: { code: "agent_error", message: "oh" } });
  expect(commit?.state).toEqual({ clicks: ["click"], note: "" });
  expect((await completeTurn(session)).frame).toMatchObject({ outcome: "completed", turn: 2, version: 4 });
});

test("turn-3: what a step of a failed turn had committed to the state is taken back by its end", async () => {
  const session = await oldSession();
  send(session, "q", input(1));
  const turn = startTurn(session);
  await turn.reply();
  turn.update({ note: "shown" });
  expect(session.endStep().state).toEqual({ clicks: [], note: "shown" });
  send(session, "q", observe(2, "click"));
  expect(session.endTurn(failed)).toMatchObject({
    frame: {
      patch: expect.arrayContaining([
        { op: "add", path: "/clicks/-", value: "click" },
        { op: "replace", path: "/note", value: "" },
      ]),
    },
    state: { clicks: ["click"], note: "" },
  });
  expect(session.patchDue).toBe(false);
});

test("command-2: an interrupt stops the running turn, or none", async () => {
  const session = newSession();
  expect(session.interrupt(undefined)).toBeNull();
  expect(session.idleAnswer(call, undefined)).toEqual({ turn: null });
  send(session, "p", input(1));
  const turn = startTurn(session);
  expect(session.interrupt(2)).toBeNull();
  expect(session.idleAnswer(call, 2)).toEqual({ turn: null });
  expect(turn.isStopped).toBe(false);
  expect(session.idleAnswer(call, 1)).toBeUndefined();
  expect(session.interrupt(1, "bob")).toBe(1);
  expect(session.interrupt(1, "ann")).toBe(1);
  turn.update({ note: "kept" });
  expect(session.endTurn(await turn.run())).toMatchObject({
    frame: { outcome: "interrupted", finish: "interrupted", by: "bob" },
    state: { note: "kept" },
  });
  expect(session.interrupt(undefined)).toBeNull();
});

test("send-3: what is observed comes with the next turn's end, and the snapshot stays at its version", async () => {
  const session = await oldSession();
  send(session, "q", observe(1, "a"), observe(2, "b"), observe(2, "b"));
  expect(session.patchDue).toBe(false);
  expect(session.snapshot()).toMatchObject({ version: 2, state: { clicks: [] } });
  send(session, "q", input(3));
  expect((await completeTurn(session)).frame).toMatchObject({
    patch: [
      { op: "add", path: "/clicks/-", value: "a" },
      { op: "add", path: "/clicks/-", value: "b" },
    ],
  });
});

test("send-3: published at once, what is observed is a frame of its own unless a turn runs", async () => {
  const session = await oldSession(live);
  expect(session.patchDue).toBe(false);
  send(session, "q", observe(1, "a"));
  expect(session.patchDue).toBe(true);
  expect(session.patchObserved()).toEqual({
    run: "run-1",
    epoch: 1,
    frame: { type: "state.patched", version: 3, patch: [{ op: "add", path: "/clicks/-", value: "a" }] },
    state: { clicks: ["a"], note: "" },
  });
  expect(session.patchDue).toBe(false);
  send(session, "q", input(2), observe(3, "b"));
  startTurn(session);
  expect(session.patchDue).toBe(false);
  expect(session.endTurn({ outcome: "completed" })?.frame).toMatchObject({
    version: 5,
    patch: [{ op: "add", path: "/clicks/-", value: "b" }],
  });
});

test("an agent that fails on what it observes loses that, and nothing else", async () => {
  const session = newSession();
  const received = send(session, "p", observe(1, "boom"), input(2));
  expect(received.observeError).toBeInstanceOf(Error);
  send(session, "p", observe(3, "click"));
  expect((await completeTurn(session)).state).toEqual({ clicks: ["click"], note: "" });
});

test("turn-5: a state over the limit changes nothing", () => {
  const session = newSession();
  send(session, "p", input(1));
  const turn = startTurn(session);
  turn.update({ note: "small" });
  expect(() => turn.update({ note: "x".repeat(200_000) })).toThrow(StateTooLargeError);
  expect(turn.state).toEqual({ clicks: [], note: "small" });
});

test("turn-2: what readers were given before the task was executed again stays, what came since follows", () => {
  const session = newSession(live);
  send(session, "p", input(1));
  startTurn(session);
  send(session, "p", observe(2, "a"), observe(3, "b"));
  const commit = session.endTurn({ outcome: "interrupted" });
  if (commit?.turn === undefined) throw new Error("a turn's end has its turn");
  const shown = { ...commit.turn, outcome: "completed" as const, finish: "stop" as const };
  expect(
    session.adopt(commit, { type: "turn.ended", state: { clicks: ["a"], note: "" }, turn: shown }),
  ).toBeUndefined();
  expect(session.snapshot()).toMatchObject({ version: 2, state: { clicks: ["a"] }, turns: [shown] });
  expect(session.patchDue).toBe(true);
  const patch = session.patchObserved();
  expect(patch).toMatchObject({ frame: { version: 3 }, state: { clicks: ["a", "b"] } });
  session.adopt(patch, { type: "state.patched", state: { clicks: ["a", "b"], note: "" } });
  expect(session.patchDue).toBe(false);
});

test("turn-2: a step that was shown ended stays so when its task is executed again with an observe", async () => {
  const session = newSession();
  send(session, "p", input(1));
  const turn = startTurn(session);
  await turn.reply();
  send(session, "p", observe(2, "a"));
  const step = { step: 1, attempt: 3, parts: [textPart("as shown")] };
  expect(
    session.adopt(session.endStep(), { type: "step.ended", state: { clicks: [], note: "" }, step }),
  ).toBeUndefined();
  expect(session.snapshot()).toMatchObject({ version: 2, state: { clicks: [] }, running: { steps: [step], step: 2 } });
  expect(session.endTurn({ outcome: "completed" })).toMatchObject({
    frame: { version: 3, patch: [{ op: "add", path: "/clicks/-", value: "a" }] },
    turn: { steps: [step] },
  });
});

test("turn-2: a turn that was shown to go on, and is interrupted when its task is executed again, ends behind that", async () => {
  const session = newSession();
  send(session, "p", input(1));
  const turn = startTurn(session);
  await turn.reply();
  turn.update({ note: "met" });
  session.interrupt(1, "ann");
  const commit = session.endTurn({ outcome: "interrupted", by: "ann" });
  if (commit === undefined) throw new Error("a turn's end is to be published");
  const step = { step: 1, attempt: 1, parts: [textPart("ok")] };
  const next = session.adopt(commit, { type: "step.ended", state: { clicks: [], note: "" }, step });
  expect(handedOn(next)).toEqual({
    run: "run-1",
    epoch: 1,
    frame: {
      type: "turn.ended",
      version: 3,
      turn: 1,
      outcome: "interrupted",
      finish: "interrupted",
      model: "m",
      by: "ann",
      attempt: 1,
      index: 1,
      patch: [{ op: "replace", path: "/note", value: "met" }],
    },
    state: { clicks: [], note: "met" },
    turn: expect.objectContaining({ outcome: "interrupted", steps: [step] }),
    keepTurns: 1,
  });
  expect(session.snapshot()).toMatchObject({ version: 3, running: null, turns: [{ turn: 1, steps: [step] }] });
});

test("turn-2: a turn that was shown interrupted ends so, though its interrupt does not come again with its task", async () => {
  const session = newSession(live);
  send(session, "p", input(1), input(2));
  const turn = startTurn(session);
  await turn.reply();
  const { turn: shown } = turn.end({ outcome: "interrupted", by: "ann" });
  expect(
    session.adopt(session.endStep(), { type: "turn.ended", state: { clicks: [], note: "" }, turn: shown }),
  ).toBeUndefined();
  expect(session.snapshot()).toMatchObject({ version: 2, running: null, turns: [shown] });
  expect(session.idleAnswer(call, 1)).toEqual({ turn: null });
  // Its agent gets to know when it asks for the next step.
  turn.update({ note: "late" });
  expect(await turn.run()).toEqual({ outcome: "interrupted" });
  expect(session.endTurn({ outcome: "interrupted" })).toBeUndefined();
  expect(session.snapshot()).toMatchObject({ version: 2, turns: [shown] });
  expect(session.patchObserved()).toMatchObject({ frame: { version: 3 }, state: { note: "late" } });
  expect((await completeTurn(session)).frame).toMatchObject({ turn: 2, version: 5 });
});
