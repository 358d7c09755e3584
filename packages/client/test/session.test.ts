import { textOf } from "@holdfast/contract";
import { expect, test } from "vitest";
import { live, quickClient, runningText, startEdge, viewOf } from "./harness.ts";

test("open-3: the first frame of a new session is a snapshot of version 0", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat", { agent: "echo" });
  expect(session.get()).toMatchObject({
    connection: { state: "connecting" },
    delivery: { state: "opening" },
    version: 0,
  });
  const view = await live(session);
  expect(view).toMatchObject({
    version: 0,
    agent: "echo",
    turns: [],
    hasOlder: false,
    running: null,
    questions: [],
    pending: [],
  });
  expect(edge.opens).toEqual([{ session: "chat", agent: "echo" }]);
  expect(edge.violations).toEqual([]);
});

test("frame-2, frame-3, frame-4, end-1, ack-1, ack-2: an input goes from sending over durable to its turn, which streams", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);

  const receipt = session.send("hello", { data: { from: "test" } });
  expect(session.get().pending).toMatchObject([{ seq: 1, text: "hello", data: { from: "test" }, status: "sending" }]);
  expect(session.get().lag).toEqual({ unacked: 1, unapplied: 0 });
  await receipt.durable;
  expect(session.get().pending).toMatchObject([{ seq: 1, status: "durable" }]);
  expect(session.get().lag).toEqual({ unacked: 0, unapplied: 1 });

  scripted.startTurn();
  await receipt.applied;
  expect(session.get()).toMatchObject({ pending: [], lag: { unacked: 0, unapplied: 0 }, version: 1 });
  expect(session.get().running?.inputs).toMatchObject([{ producer: receipt.producer, seq: 1, text: "hello" }]);

  scripted.delta("Hel");
  scripted.delta("lo.");
  expect((await viewOf(session, (view) => runningText(view) === "Hello.")).turns).toEqual([]);
  scripted.complete("Hello.", [{ op: "add", path: "/mood", value: "calm" }]);
  const view = await viewOf(session, (now) => now.version === 2);
  expect(view).toMatchObject({ running: null, state: { mood: "calm" } });
  expect(view.turns).toMatchObject([{ turn: 1, outcome: "completed", finish: "stop", inputs: [{ text: "hello" }] }]);
  expect(view.turns.map(textOf)).toEqual(["Hello."]);
  expect(edge.violations).toEqual([]);
});

test("frame-4: whoever listens to frames finds each one in the view", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  const texts: (string | undefined)[] = [];
  session.on("frame", ({ type }) => {
    if (type === "delta") texts.push(runningText(session.get()));
  });
  await session.send("hello").durable;
  scripted.startTurn();
  for (const text of ["a", "b", "c"]) scripted.delta(text);
  await viewOf(session, (view) => runningText(view) === "abc");
  expect(texts).toEqual(["a", "ab", "abc"]);
});
