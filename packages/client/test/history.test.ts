import { LIMITS, textOf, wireError, type HistoryAck } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { Session } from "../src/session.ts";
import type { Bounds } from "../src/options.ts";
import { codeOf, eventually, live, quickClient, startEdge, viewOf } from "./harness.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";
import type { ScriptedSession } from "./scripted-session.ts";

interface Talked {
  edge: ScriptedEdge;
  session: Session;
  scripted: ScriptedSession;
}

/** A session of eight turns, of which the reader's snapshot carries the last three. */
async function talked(bounds: Partial<Bounds> = {}): Promise<Talked> {
  const edge = await startEdge();
  const scripted = edge.world.session("chat");
  for (let turn = 1; turn <= 8; turn++) scripted.answer(`answer ${turn}`);
  scripted.shortenSnapshot(3);
  const session = quickClient([edge], { bounds }).session("chat");
  await live(session);
  return { edge, session, scripted };
}

const shown = (session: Session): number[] => session.get().turns.map(({ turn }) => turn);

test("history-1, history-2: older turns come in front of those held, until there are no more", async () => {
  const { edge, session } = await talked();
  expect([shown(session), session.get().hasOlder]).toEqual([[6, 7, 8], true]);
  const before = session.get();
  expect(await session.history({ limit: 2 })).toBe(true);
  expect([shown(session), session.get().hasOlder]).toEqual([[4, 5, 6, 7, 8], true]);
  expect(session.get().turns.slice(2)).toEqual(before.turns);
  expect(session.get().turns[2]).toBe(before.turns[0]);
  expect(await session.history({ limit: 1_000 })).toBe(false);
  expect([shown(session), session.get().hasOlder]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], false]);
  expect(session.get().turns.map(textOf)).toEqual(Array.from({ length: 8 }, (_, i) => `answer ${i + 1}`));
  // It is known that there are none.
  expect(await session.history()).toBe(false);
  expect(edge.histories).toEqual([
    { session: "chat", before: 6, limit: 2 },
    { session: "chat", before: 4, limit: LIMITS.historyTurns },
  ]);
});

test("history-2: a session that keeps none of its older turns says so, and the view with it", async () => {
  const { edge, session } = await talked();
  edge.script.history = () => ({ ok: true, turns: [], more: false });
  expect(await session.history()).toBe(false);
  expect([shown(session), session.get().hasOlder]).toEqual([[6, 7, 8], false]);
});

test("subscribers hear of older turns, and what did not change keeps its identity", async () => {
  const { session, scripted } = await talked();
  let told = 0;
  session.subscribe(() => told++);
  await session.history();
  await eventually(() => expect(told).toBe(1));
  const before = session.get();
  scripted.patch([{ op: "add", path: "/mood", value: "calm" }]);
  const after = await viewOf(session, ({ version }) => version > before.version);
  expect(after.turns).toBe(before.turns);
});

test("history-2: older turns stay while turns end, and over a later snapshot whose turns they fit on", async () => {
  const { edge, session, scripted } = await talked();
  await session.history({ limit: 2 });
  const [first] = session.get().turns;
  scripted.answer("answer 9");
  await viewOf(session, ({ turns }) => turns.length === 6);
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, ({ connection }) => connection.state === "waiting");
  scripted.answer("answer 10");
  // Turns 6 and 7 have left it.
  scripted.shortenSnapshot(3);
  delete edge.script.connect;
  await viewOf(session, ({ turns }) => turns.at(-1)?.turn === 10);
  expect(shown(session)).toEqual([4, 5, 6, 7, 8, 9, 10]);
  expect(session.get().turns[0]).toBe(first);
  expect(await session.history()).toBe(false);
  expect(shown(session)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("snap-4: older turns are gone with a snapshot that leaves a gap, and can be asked for again", async () => {
  const { edge, session, scripted } = await talked();
  await session.history({ limit: 2 });
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, ({ connection }) => connection.state === "waiting");
  for (const turn of [9, 10, 11]) scripted.answer(`answer ${turn}`);
  scripted.shortenSnapshot(2);
  delete edge.script.connect;
  await viewOf(session, ({ turns }) => turns.at(-1)?.turn === 11);
  expect([shown(session), session.get().hasOlder]).toEqual([[10, 11], true]);
  expect(await session.history()).toBe(false);
  expect(shown(session)).toHaveLength(11);
});

test("snap-4: older turns are gone when the session begins again, whatever its numbers", async () => {
  const { edge, session, scripted } = await talked();
  await session.history();
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, ({ connection }) => connection.state === "waiting");
  scripted.beginAgain();
  for (let turn = 1; turn <= 7; turn++) scripted.answer(`another answer ${turn}`);
  scripted.shortenSnapshot(2);
  delete edge.script.connect;
  await viewOf(session, ({ turns }) => turns.at(-1)?.turn === 7);
  expect([shown(session), session.get().hasOlder]).toEqual([[6, 7], true]);
  await session.history();
  expect(session.get().turns.map(textOf)).toEqual(Array.from({ length: 7 }, (_, i) => `another answer ${i + 1}`));
});

test("req-3, err-3: it is repeated when unavailable, unanswered, refused by an unknown code, or the connection is lost", async () => {
  const { edge, session } = await talked({ requestTimeoutMs: 100 });
  let asked = 0;
  const answers: (() => HistoryAck | "silence")[] = [
    () => ({ ok: false, error: wireError("unavailable", undefined, { retryAfterMs: 1 }) }),
    () => JSON.parse('{"ok": false, "error": {"code": "moon_phase", "message": "Wait for the full moon."}}'),
    () => "silence",
    () => {
      edge.drop();
      return "silence";
    },
  ];
  edge.script.history = (_request, proceed) => (answers[asked++] ?? proceed)();
  expect(await session.history()).toBe(false);
  expect(edge.histories).toHaveLength(5);
  expect(edge.auths).toHaveLength(2);
  expect(shown(session)).toHaveLength(8);
});

test("err-2: a refusal that stands rejects and is not repeated", async () => {
  const { edge, session } = await talked();
  edge.script.history = () => ({ ok: false, error: wireError("unknown_request") });
  expect(await codeOf(session.history())).toBe("unknown_request");
  expect(edge.histories).toHaveLength(1);
  expect(shown(session)).toEqual([6, 7, 8]);
});

test("a call while another is under way is that other one", async () => {
  const { edge, session } = await talked();
  const calls = [session.history({ limit: 1 }), session.history(), session.history()];
  expect(await Promise.all(calls)).toEqual([true, true, true]);
  expect(edge.histories).toHaveLength(1);
  expect(shown(session)).toEqual([5, 6, 7, 8]);
});

test("history-1: an answer that another snapshot overtook is asked for anew", async () => {
  const { edge, session, scripted } = await talked();
  const overtaken = Promise.withResolvers<HistoryAck>();
  edge.script.history = () => overtaken.promise;
  const asked = session.history();
  await eventually(() => expect(edge.histories).toHaveLength(1));
  delete edge.script.history;
  scripted.answer("answer 9");
  scripted.shortenSnapshot(2);
  // A version none expects: the reader opens anew and takes the snapshot.
  scripted.append({ type: "state.patched", version: 99, patch: [] });
  await viewOf(session, ({ turns }) => turns[0]?.turn === 8);
  overtaken.resolve({ ok: true, ...scripted.history({ before: 6 }) });
  expect(await asked).toBe(false);
  expect(edge.histories.map(({ before }) => before)).toEqual([6, 8]);
  expect(shown(session)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("turns that are not those asked for reject with `bad_answer`", async () => {
  const { edge, session, scripted } = await talked();
  edge.script.history = () => ({ ok: true, ...scripted.history({ before: 5 }) });
  expect(await codeOf(session.history())).toBe("bad_answer");
  expect(shown(session)).toEqual([6, 7, 8]);
});

test("closing the session rejects it with `closed`", async () => {
  const { edge, session } = await talked();
  edge.script.history = () => "silence";
  const asked = session.history();
  await eventually(() => expect(edge.histories).toHaveLength(1));
  await session.close();
  expect(await codeOf(asked)).toBe("closed");
  expect(await codeOf(session.history())).toBe("closed");
});

test("a session that holds all of its turns asks nobody", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  await live(session);
  expect(await session.history()).toBe(false);
  edge.world.session("chat").answer("one");
  await viewOf(session, ({ turns }) => turns.length === 1);
  expect([session.get().hasOlder, await session.history()]).toEqual([false, false]);
  expect(edge.histories).toEqual([]);
});
