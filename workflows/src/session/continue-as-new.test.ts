import { expect, test } from "vitest";
import {
  completeTurn,
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
import { encodedBytes } from "./agent-state.ts";
import { ContinuePolicy, inheritedSession, PAYLOAD_BYTES } from "./continue-as-new.ts";

const live = { ...watcher, publishObserved: "at-once" as const };
const call = { id: "c1", by: "ann", name: "interrupt", args: {} };

const at = (historyLength: number, continueAsNewSuggested = false) => ({ historyLength, continueAsNewSuggested });

test("a run is due at 400 events, at 2,000 signals, or on the server's hint", () => {
  const policy = new ContinuePolicy();
  expect(policy.isDue(at(399))).toBe(false);
  expect(policy.isDue(at(400))).toBe(true);
  expect(policy.isDue(at(10, true))).toBe(true);
  for (let signal = 1; signal < 2_000; signal++) policy.signalled(at(signal));
  expect(policy.isDue(at(399))).toBe(false);
  policy.signalled(at(399));
  expect(policy.isDue(at(399))).toBe(true);
});

test("a task that brings several signals is not quiet, the next one without any is", () => {
  const policy = new ContinuePolicy();
  expect(policy.isQuiet(at(3))).toBe(true);
  policy.signalled(at(3));
  expect(policy.isQuiet(at(3))).toBe(true);
  policy.signalled(at(3));
  expect(policy.isQuiet(at(3))).toBe(false);
  expect(policy.isQuiet(at(8))).toBe(true);
  policy.signalled(at(8));
  expect(policy.isQuiet(at(8))).toBe(true);
});

test("a run that cannot end for long becomes urgent", () => {
  const policy = new ContinuePolicy();
  expect(policy.isUrgent(at(19_999))).toBe(false);
  expect(policy.isUrgent(at(20_000))).toBe(true);
  for (let signal = 1; signal <= 6_000; signal++) policy.signalled(at(signal));
  expect(policy.isUrgent(at(10))).toBe(true);
});

/** A run of as many signals, of which the last task brought two. */
function full(signals: number, policy: ContinuePolicy): ContinuePolicy {
  for (let signal = 1; signal < signals; signal++) policy.signalled(at(signal));
  policy.signalled(at(signals - 1));
  return policy;
}

test("a run that has all the signals Temporal takes ends in the task that brought the last ones, though it is busy", () => {
  const almost = full(9_999, new ContinuePolicy());
  expect(almost.isQuiet(at(9_998))).toBe(false);
  const policy = full(10_000, new ContinuePolicy());
  expect(policy.isQuiet(at(9_999))).toBe(true);
  expect(policy.isDue(at(9_999))).toBe(true);
  expect(policy.isUrgent(at(9_999))).toBe(true);
});

test("signals of unknown names count towards Temporal's limit, and make no task busy", () => {
  const policy = new ContinuePolicy();
  for (let signal = 1; signal <= 10; signal++) policy.ignored();
  expect(policy.isQuiet(at(3))).toBe(true);
  expect(full(9_990, policy).isQuiet(at(9_989))).toBe(true);
});

test("a session goes on after continue-as-new where it was", async () => {
  const session = newSession(live);
  send(session, "p", input(1), input(2), input(3));
  await completeTurn(session);
  send(session, "p", observe(4, "a"));
  session.ignore("other");
  session.answer(call, { turn: 1 });
  const continued = session.continued(true, false);
  const next = newSession(live, handedOn(continued));
  expect(continued?.unrepaired).toBe(true);
  expect(next.sessionState()).toEqual({ epoch: 1, snapshot: session.snapshot() });
  expect(next.deadLetters()).toEqual(session.deadLetters());
  expect(next.answered(call)).toEqual({ turn: 1 });
  expect(next.patchDue).toBe(true);
  expect(send(next, "p", input(3), observe(4, "a"))).toEqual({ dead: [] });
  next.patchObserved();
  expect(await completeTurn(next)).toMatchObject({ frame: { turn: 2, version: 5 }, state: { clicks: ["a"] } });
  await completeTurn(next);
  expect(next.hasInput).toBe(false);
});

test("history-2: turns that the snapshot has no room for are told after continue-as-new, too", async () => {
  let session = newSession();
  for (let seq = 1; seq <= 210; seq++) {
    send(session, "p", input(seq));
    await completeTurn(session);
    if (seq % 70 === 0) session = newSession(watcher, handedOn(session.continued(false, false)));
  }
  const oldest = session.snapshot().turns[0]?.turn ?? 0;
  expect(oldest).toBe(11);
  const { turns, more } = session.history({ before: oldest, limit: 50 });
  expect(turns.map(({ turn }) => turn)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(more).toBe(false);
});

test("what goes along is too large: it has to wait, or leaves the oldest turns behind", async () => {
  const session = newSession();
  for (let seq = 1; seq <= 60; seq++) {
    send(session, "p", { ...input(seq), data: "x".repeat(16_000) });
    await completeTurn(session);
  }
  for (let seq = 61; seq <= 120; seq++) send(session, "p", { ...input(seq), data: "x".repeat(17_000) });
  expect(session.continued(false, false)).toBeUndefined();
  const continued = session.continued(false, true);
  expect(encodedBytes(JSON.stringify(continued))).toBeLessThanOrEqual(PAYLOAD_BYTES);
  expect(continued?.inbox).toHaveLength(60);
  expect(continued?.turns.at(-1)?.turn).toBe(60);
  expect((continued?.turns.length ?? 0) + (continued?.olderTurns.length ?? 0)).toBeGreaterThan(30);
});

test("an inbox that alone is too large has to wait, even when it is forced: Temporal would not take it", async () => {
  const session = await oldSession();
  const text = "x".repeat(30_000);
  for (let seq = 2; seq <= 80; seq++) send(session, "p", input(seq, text));
  expect(session.continued(false, true)).toBeUndefined();
  for (let turn = 0; turn < 40; turn++) await completeTurn(session);
  expect(session.continued(false, true)?.inbox).toHaveLength(39);
});

test("snap-1: a snapshot fits a Query's answer, however much the running turn has made", async () => {
  const session = newSession();
  for (let seq = 1; seq <= 4; seq++) {
    send(session, "p", input(seq));
    await completeTurn(session, stepResult("\u65e5".repeat(100_000)));
  }
  send(session, "p", input(5));
  const turn = startTurn(session, stepResult("\u65e5".repeat(256 * 1024)));
  await turn.reply();
  session.endStep();
  await turn.reply();
  const snapshot = session.snapshot();
  expect(encodedBytes(JSON.stringify(snapshot))).toBeLessThanOrEqual(PAYLOAD_BYTES);
  expect(snapshot.running?.steps).toHaveLength(1);
  expect(snapshot.running?.parts).toEqual([textPart("\u65e5".repeat(256 * 1024))]);
  expect(snapshot.turns.at(-1)?.turn).toBe(4);
});

test("snap-4: a session that follows one that was ended in mid-turn has all of it, and what readers held of the step", async () => {
  const session = await oldSession();
  send(session, "q", input(1), input(2), observe(3, "a"));
  const turn = startTurn(session, stepResult("one "));
  await turn.reply();
  turn.update({ note: "half" });
  session.endStep();
  session.interrupt(2, "ann");
  const legacy = handedOn(session.legacy());
  expect(legacy).toMatchObject({ agent: "watcher", cut: { epoch: 1, turn: 2 } });
  const heldStep = { step: 2, attempt: 1, index: 7, parts: [textPart("two")] };
  const cut = { epoch: 1, turn: 2, held: heldStep };
  const next = newSession(watcher, inheritedSession({ ...legacy, cut }, 9));
  const { epoch, snapshot } = next.sessionState();
  expect(epoch).toBe(9);
  expect(snapshot).toMatchObject({ version: 5, state: { note: "half" }, running: null });
  expect(snapshot.turns.at(-1)).toEqual({
    turn: 2,
    origin: "user",
    inputs: [taken(1, "q")],
    steps: [
      { step: 1, attempt: 1, parts: [textPart("one ")] },
      { step: 2, attempt: 1, parts: [textPart("two")] },
    ],
    outcome: "interrupted",
    finish: "interrupted",
    model: "m",
  });
  expect(await completeTurn(next)).toMatchObject({ frame: { turn: 3 }, state: { clicks: ["a"], note: "half" } });
});

test("snap-4: of a step that readers are not known to hold nothing is made up, and what cannot be read is not taken over", () => {
  const session = newSession();
  send(session, "p", input(1));
  startTurn(session);
  const legacy = handedOn(session.legacy());
  expect(inheritedSession(legacy, 9)).toMatchObject({ unrepaired: true, turns: [{ turn: 1, steps: [] }] });
  const older = { step: 3, attempt: 1, index: 1, parts: [] };
  expect(inheritedSession({ ...legacy, cut: { epoch: 1, turn: 1, held: older } }, 9)).toMatchObject({
    turns: [{ steps: [] }],
  });
  for (const left of [null, 1, {}, { format: 2 }]) expect(inheritedSession({ ...legacy, left }, 9)).toBeUndefined();
});
