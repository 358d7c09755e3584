import type { Event } from "@holdfast/contract/events";
import type { RespondResult } from "@holdfast/internal/temporal";
import { expect, test } from "vitest";
import { defineAgent } from "../agents/define-agent.ts";
import { StateTooLargeError } from "./agent-state.ts";
import { CARRY_BYTES } from "./carry.ts";
import { encodedBytes } from "./encoded-bytes.ts";
import { Session } from "./session.ts";
import { TurnFailure } from "./turn-failure.ts";

type Seen = { clicks: string[]; note: string };

const watcher = defineAgent<Seen>({
  name: "watcher",
  initialState: { clicks: [], note: "" },
  async onTurn() {},
  onObserve(state, events) {
    for (const { name } of events) {
      if (name === "boom") throw new Error("boom");
      state.clicks.push(name);
    }
  },
});
const live = { ...watcher, publishObserved: "at-once" as const };

const start = { key: { tenant: "acme", owner: "ann", name: "s" }, agent: "watcher", lane: "shared" };

function newSession(agent = watcher): Session {
  return new Session(start, agent, { id: "run-1", startedAt: 1 });
}

function send(session: Session, producer: string, ...events: Event[]) {
  return session.receive({ runs: [{ by: "ann", producer, at: 1, events }] });
}

const input = (seq: number, text = `text ${seq}`): Event => ({ seq, kind: "input", text });
const observe = (seq: number, name: string): Event => ({ seq, kind: "observe", name });
const answer = (text: string, stopped = false): RespondResult => ({
  text,
  finish: stopped ? "interrupted" : "stop",
  model: "m",
  enrichment: { sentiment: 0, entities: [], keywords: [] },
  spentMs: 1,
});

const call = { id: "c1", by: "ann", name: "interrupt", args: {} };

function completeTurn(session: Session, text = "ok") {
  const run = session.startTurn();
  run?.beginStep({});
  run?.stepFinished(answer(text));
  return session.endTurn({ outcome: "completed" });
}

/** One that has had a turn. */
function oldSession(agent = watcher): Session {
  const session = newSession(agent);
  send(session, "p", input(1));
  completeTurn(session);
  return session;
}

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

test("send-2, turn-1: each input becomes one turn, in order, whichever signal brought it", () => {
  const session = newSession();
  send(session, "p", input(1), input(2));
  send(session, "q", input(1));
  send(session, "p", input(2), input(3));
  const texts = [];
  while (session.hasInput) texts.push(completeTurn(session).turn?.inputs[0]);
  expect(texts.map((taken) => `${taken?.producer}${taken?.seq}`)).toEqual(["p1", "p2", "q1", "p3"]);
});

test("frame-2, snap-3: a turn's start raises the version and shows what runs", () => {
  const session = newSession();
  send(session, "p", input(5));
  const run = session.startTurn();
  expect(run).toMatchObject({ turn: 1, version: 1 });
  expect(session.snapshot()).toMatchObject({
    version: 1,
    applied: { "ann/p": 5 },
    running: { turn: 1, step: 1, attempt: 1, index: 0, text: "", inputs: [{ by: "ann", producer: "p", seq: 5 }] },
  });
  expect(session.startTurn()).toBeUndefined();
});

test("frame-3: the first patch brings the agent's initial state", () => {
  const session = newSession();
  send(session, "p", input(1));
  expect(completeTurn(session)).toMatchObject({
    frame: {
      patch: [
        { op: "add", path: "/clicks", value: [] },
        { op: "add", path: "/note", value: "" },
      ],
    },
    state: { clicks: [], note: "" },
  });
});

test("frame-3: a completed turn commits its text and the change of state", () => {
  const session = oldSession();
  send(session, "q", input(1));
  const run = session.startTurn();
  run?.beginStep({});
  session.setDraft({ clicks: [], note: "met" });
  expect(session.snapshot().state).toEqual({ clicks: [], note: "" });
  run?.stepFinished(answer("hello"));
  expect(session.endTurn({ outcome: "completed" })).toEqual({
    run: "run-1",
    epoch: 1,
    frame: {
      type: "turn.completed",
      version: 4,
      turn: 2,
      text: "hello",
      finish: "stop",
      patch: [{ op: "replace", path: "/note", value: "met" }],
    },
    state: { clicks: [], note: "met" },
    turn: {
      turn: 2,
      inputs: [{ by: "ann", producer: "q", seq: 1, text: "text 1" }],
      outcome: "completed",
      text: "hello",
      finish: "stop",
    },
    keepTurns: 2,
  });
});

test("turn-3: a failed turn leaves no trace in the state but what was observed meanwhile", () => {
  const session = newSession();
  send(session, "p", input(1), input(2));
  session.startTurn();
  session.setDraft({ clicks: [], note: "draft" });
  send(session, "p", observe(3, "click"));
  expect(session.draft().value).toEqual({ clicks: ["click"], note: "draft" });
  const { frame, state } = session.endTurn({ outcome: "failed", failure: new TurnFailure("agent_error", "oh") });
  expect(frame).toMatchObject({ type: "turn.failed", error: { code: "agent_error", message: "oh" } });
  expect(state).toEqual({ clicks: ["click"], note: "" });
  expect(completeTurn(session).frame).toMatchObject({ type: "turn.completed", turn: 2, version: 4 });
});

test("command-2: an interrupt stops the running turn, or none", () => {
  const session = newSession();
  expect(session.interrupt(undefined)).toBeNull();
  send(session, "p", input(1));
  const run = session.startTurn();
  expect(session.interrupt(2)).toBeNull();
  expect(run?.stopped).toBe(false);
  expect(session.interrupt(1)).toBe(1);
  expect(run?.stopped).toBe(true);
  session.setDraft({ clicks: [], note: "kept" });
  expect(session.endTurn({ outcome: "interrupted" })).toMatchObject({
    frame: { type: "turn.interrupted" },
    state: { note: "kept" },
  });
  expect(session.interrupt(undefined)).toBeNull();
});

test("send-3: what is observed comes with the next turn's end, and the snapshot stays at its version", () => {
  const session = oldSession();
  send(session, "q", observe(1, "a"), observe(2, "b"), observe(2, "b"));
  expect(session.patchDue).toBe(false);
  expect(session.snapshot()).toMatchObject({ version: 2, state: { clicks: [] } });
  send(session, "q", input(3));
  expect(completeTurn(session).frame.patch).toEqual([
    { op: "add", path: "/clicks/-", value: "a" },
    { op: "add", path: "/clicks/-", value: "b" },
  ]);
});

test("send-3: published at once, what is observed is a frame of its own unless a turn runs", () => {
  const session = oldSession(live);
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
  session.startTurn();
  expect(session.patchDue).toBe(false);
  expect(session.endTurn({ outcome: "completed" }).frame).toMatchObject({
    version: 5,
    patch: [{ op: "add", path: "/clicks/-", value: "b" }],
  });
});

test("an agent that fails on what it observes loses that, and nothing else", () => {
  const session = newSession();
  const received = send(session, "p", observe(1, "boom"), input(2));
  expect(received.observeError).toBeInstanceOf(Error);
  send(session, "p", observe(3, "click"));
  expect(completeTurn(session).state).toEqual({ clicks: ["click"], note: "" });
});

test("turn-5: a state over the limit changes nothing", () => {
  const session = newSession();
  send(session, "p", input(1));
  session.startTurn();
  session.setDraft({ clicks: [], note: "small" });
  expect(() => session.setDraft({ clicks: [], note: "x".repeat(200_000) })).toThrow(StateTooLargeError);
  expect(session.draft().value).toEqual({ clicks: [], note: "small" });
});

test("turn-2: what readers were given before the task was executed again stays, what came since follows", () => {
  const session = newSession(live);
  send(session, "p", input(1));
  session.startTurn();
  send(session, "p", observe(2, "a"), observe(3, "b"));
  const { turn } = session.endTurn({ outcome: "interrupted" });
  if (turn === undefined) throw new Error("a turn's end has its turn");
  const shown = { ...turn, outcome: "completed" as const, text: "all of it" };
  session.adopt({ state: { clicks: ["a"], note: "" }, turn: shown });
  expect(session.snapshot()).toMatchObject({ version: 2, state: { clicks: ["a"] }, turns: [shown] });
  expect(session.patchDue).toBe(true);
  expect(session.patchObserved()).toMatchObject({ frame: { version: 3 }, state: { clicks: ["a", "b"] } });
  session.adopt({ state: { clicks: ["a", "b"], note: "" } });
  expect(session.patchDue).toBe(false);
});

test("a session goes on after continue-as-new where it was", () => {
  const session = newSession(live);
  send(session, "p", input(1), input(2), input(3));
  completeTurn(session);
  send(session, "p", observe(4, "a"));
  session.answer(call, { turn: 1 });
  const carry = session.carry(true, false);
  const next = new Session(start, live, { id: "run-2", startedAt: 2 }, JSON.parse(JSON.stringify(carry)));
  expect(carry?.unrepaired).toBe(true);
  expect(next.truth()).toEqual({ epoch: 1, snapshot: session.snapshot() });
  expect(next.answered(call)).toEqual({ turn: 1 });
  expect(next.patchDue).toBe(true);
  expect(send(next, "p", input(3), observe(4, "a"))).toEqual({ dead: [] });
  next.patchObserved();
  expect(completeTurn(next)).toMatchObject({ frame: { turn: 2, version: 5 }, state: { clicks: ["a"] } });
  completeTurn(next);
  expect(next.hasInput).toBe(false);
});

test("a carry that is too large has to wait, or leaves the oldest turns behind", () => {
  const session = newSession();
  for (let seq = 1; seq <= 60; seq++) {
    send(session, "p", { ...input(seq), data: "x".repeat(16_000) });
    completeTurn(session);
  }
  for (let seq = 61; seq <= 120; seq++) send(session, "p", { ...input(seq), data: "x".repeat(17_000) });
  expect(session.carry(false, false)).toBeUndefined();
  const carry = session.carry(false, true);
  expect(encodedBytes(JSON.stringify(carry))).toBeLessThanOrEqual(CARRY_BYTES);
  expect(carry?.inbox).toHaveLength(60);
  expect(carry?.turns.at(-1)?.turn).toBe(60);
  expect(carry?.turns.length).toBeGreaterThan(30);
});

test("a carry whose inbox alone is too large has to wait, even when it is forced: Temporal would not take it", () => {
  const session = oldSession();
  const text = "x".repeat(30_000);
  for (let seq = 2; seq <= 80; seq++) send(session, "p", input(seq, text));
  expect(session.carry(false, true)).toBeUndefined();
  for (let turn = 0; turn < 40; turn++) completeTurn(session, "ok");
  expect(session.carry(false, true)?.inbox).toHaveLength(39);
});

test("snap-1: a snapshot fits a Query's answer, however much text the running turn has made", () => {
  const session = newSession();
  const long = "\u65e5".repeat(100_000);
  for (let seq = 1; seq <= 4; seq++) {
    send(session, "p", input(seq));
    completeTurn(session, long);
  }
  send(session, "p", input(5));
  const run = session.startTurn();
  for (let step = 1; step <= 2; step++) {
    run?.beginStep({});
    run?.stepFinished(answer("\u65e5".repeat(256 * 1024)));
  }
  const snapshot = session.snapshot();
  expect(encodedBytes(JSON.stringify(snapshot))).toBeLessThanOrEqual(CARRY_BYTES);
  expect(snapshot.running?.text).toHaveLength(512 * 1024);
  expect(snapshot.turns.at(-1)?.turn).toBe(4);
});
