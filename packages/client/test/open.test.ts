import { textOf, wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { codeOf, eventually, live, quickClient, runningText, startEdge, viewOf } from "./harness.ts";

test("open-2: after a reconnect frames go on right after the cursor, without a snapshot", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  const types: string[] = [];
  session.on("frame", (frame) => types.push(frame.type));
  scripted.startTurn();
  scripted.delta("Hel");
  await viewOf(session, (view) => runningText(view) === "Hel");
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, (view) => view.connection.state === "waiting");
  expect(session.get().delivery.state).toBe("opening");
  expect(runningText(session.get())).toBe("Hel");
  scripted.delta("lo");
  scripted.complete("Hello");
  delete edge.script.connect;
  const view = await viewOf(session, (now) => now.turns.length === 1);
  expect(view.turns.map(textOf)).toEqual(["Hello"]);
  expect(types).toEqual(["turn.started", "delta", "delta", "turn.ended"]);
  expect(edge.opens.at(-1)).toEqual({ session: "chat", cursor: "2-0", version: 1 });
});

test("open-3: when the log has lost the cursor a snapshot comes, and what it repeats keeps its identity", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  scripted.answer("one");
  const before = await viewOf(session, (view) => view.turns.length === 1);
  edge.drop();
  scripted.loseLog();
  scripted.answer("two");
  const after = await viewOf(session, (view) => view.turns.length === 2);
  expect(after.turns[0]).toBe(before.turns[0]);
  expect(after.version).toBe(4);
});

test("chain-3: a frame lost on its way is fetched by opening again with the cursor", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  scripted.startTurn();
  const growing = { turn: 1, step: 1, attempt: 1 };
  scripted.append({ type: "delta", ...growing, index: 1, at: 0, begins: "text", text: "lost " }, true);
  scripted.delta("and found");
  const view = await viewOf(session, (now) => runningText(now) === "lost and found");
  expect(view.version).toBe(1);
  expect(edge.opens[1]).toEqual({ session: "chat", cursor: "1-0", version: 1 });
});

test("chain-3: after a gap in versions the session is opened without a cursor", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  scripted.append({ type: "state.patched", version: 5, patch: [] });
  await eventually(() => expect(edge.opens).toEqual([{ session: "chat" }, { session: "chat" }]));
  await live(session);
});

test("chain-3: an edge that always breaks the chain is not asked in a tight loop", async () => {
  const edge = await startEdge();
  const client = quickClient([edge], { random: () => 0.999, bounds: { backoffBaseMs: 1_000, backoffMaxMs: 60_000 } });
  const session = client.session("chat");
  await live(session);
  for (let i = 0; i < 5; i++) {
    edge.tell("frames", "never opened");
    edge.world.session("chat").append({ type: "state.patched", version: 50 + i, patch: [] });
  }
  // At once after the first gap; the next one would be in about a second, and the test is over long before.
  await eventually(() => expect(edge.opens).toHaveLength(2));
  edge.world.session("chat").append({ type: "state.patched", version: 70, patch: [] });
  await client.connected();
  expect(edge.opens).toHaveLength(2);
});

test("frame-7, version-3: a frame of a later protocol is passed over and the chain goes on", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const session = client.session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  scripted.appendUnknown("mood.changed");
  scripted.answer("one");
  await viewOf(session, (view) => view.turns.length === 1);
  expect(edge.opens).toHaveLength(1);
  expect(client.problems).toEqual([]);
});

test("frame-5, grow-2: a retried attempt rewinds the step; a superseded one's deltas are ignored", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  const outcomes: string[] = [];
  session.on("frame", (_frame, outcome) => outcomes.push(outcome));
  scripted.startTurn();
  scripted.delta("first try");
  scripted.rewind("", 2);
  scripted.append({ type: "delta", turn: 1, step: 1, attempt: 1, index: 3, at: 0, begins: "text", text: "ghost" });
  scripted.delta("second");
  const view = await viewOf(session, (now) => runningText(now) === "second");
  expect(view.running).toMatchObject({ attempt: 2, index: 3 });
  expect(outcomes).toEqual(["applied", "applied", "applied", "ignored", "applied"]);
});

test("open-6: degraded is shown, sending goes on, and a new connection starts without it", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  await live(session);
  edge.tell("status", { degraded: true });
  await viewOf(session, (view) => view.degraded);
  await session.send("still here").durable;
  edge.drop();
  await viewOf(session, (view) => !view.degraded && view.connection.state === "connected");
});

test.each(["forbidden", "unknown_agent"] as const)(
  "err-2: `%s` on open refuses the session and what was sent to it",
  async (code) => {
    const edge = await startEdge();
    edge.script.open = () => ({ ok: false, error: wireError(code) });
    const session = quickClient([edge]).session("ann/chat", { agent: "ghost" });
    const receipt = session.send("hello");
    const command = session.command("approve");
    expect(await codeOf(receipt.durable)).toBe(code);
    expect(await codeOf(command)).toBe(code);
    expect(session.get()).toMatchObject({ delivery: { state: "refused", error: { code } } });
    expect(await codeOf(session.send("again").durable)).toBe(code);
    expect(await codeOf(session.interrupt())).toBe(code);

    // Another connection may have another token: it is asked again there.
    delete edge.script.open;
    edge.drop();
    await live(session);
    await session.send("now").durable;
  },
);

test("err-2: an open that is refused for now, or not answered, is repeated", async () => {
  const edge = await startEdge();
  const answers = ["silence", { ok: false, error: wireError("busy", undefined, { retryAfterMs: 1 }) }] as const;
  let asked = 0;
  edge.script.open = (_request, proceed) => answers[asked++] ?? proceed();
  const session = quickClient([edge], { bounds: { requestTimeoutMs: 50 } }).session("chat");
  await live(session);
  expect(edge.opens).toHaveLength(3);
});

test("ids-2, open-1: sessions of one connection do not mix, and a session is one object per name", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const [mine, shared] = [client.session("chat"), client.session("ann/chat")];
  expect(client.session("chat")).toBe(mine);
  await Promise.all([live(mine), live(shared)]);
  edge.world.session("ann/chat").answer("for Ann");
  await viewOf(shared, (view) => view.turns.length === 1);
  expect(mine.get().turns).toEqual([]);
  await mine.close();
  expect(client.session("chat")).not.toBe(mine);
  expect(mine.get().delivery.state).toBe("closed");
});

test("subscribers hear once of all frames of a packet, and unchanged parts keep their identity", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  scripted.answer("one");
  const before = await viewOf(session, (view) => view.turns.length === 1);
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, (view) => view.connection.state === "waiting");
  scripted.startTurn();
  for (const word of ["a", "b", "c"]) scripted.delta(word);
  delete edge.script.connect;
  const texts: (string | undefined)[] = [];
  session.subscribe(() => texts.push(runningText(session.get())));
  const after = await viewOf(session, (view) => view.running !== null);
  expect(runningText(after)).toBe("abc");
  expect(texts.filter((text) => text !== undefined)).not.toContain("a");
  expect(after.turns).toBe(before.turns);
  expect(after.state).toBe(before.state);
  expect(after.pending).toBe(before.pending);
  expect(after.lag).toBe(before.lag);
  expect(session.get()).toBe(session.get());
});
