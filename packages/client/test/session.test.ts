import { expect, test } from "vitest";
import { live, quickClient, startEdge, viewOf } from "./harness.ts";

test("open-3: the first frame of a new session is a snapshot of version 0", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat", { agent: "echo" });
  expect(session.get()).toMatchObject({
    connection: { state: "connecting" },
    delivery: { state: "opening" },
    version: 0,
  });
  const view = await live(session);
  expect(view).toMatchObject({ version: 0, agent: "echo", turns: [], streaming: null, pending: [] });
  expect(edge.opens).toEqual([{ session: "chat", agent: "echo" }]);
  expect(edge.violations).toEqual([]);
});

test("frame-2, frame-3, frame-4, ack-1, ack-2: an input goes from sending over durable to its turn, which streams", async () => {
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
  expect(session.get().streaming?.inputs).toMatchObject([{ producer: receipt.producer, seq: 1, text: "hello" }]);

  scripted.delta("Hel");
  scripted.delta("lo.");
  expect((await viewOf(session, (view) => view.streaming?.text === "Hello.")).turns).toEqual([]);
  scripted.complete("Hello.", [{ op: "add", path: "/mood", value: "calm" }]);
  const view = await viewOf(session, (now) => now.version === 2);
  expect(view).toMatchObject({ streaming: null, state: { mood: "calm" } });
  expect(view.turns).toMatchObject([{ turn: 1, outcome: "completed", text: "Hello.", inputs: [{ text: "hello" }] }]);
  expect(edge.violations).toEqual([]);
});

test("frame-4: whoever listens to frames finds each one in the view", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const scripted = edge.world.session("chat");
  await live(session);
  const texts: (string | undefined)[] = [];
  session.on("frame", ({ type }) => {
    if (type === "delta") texts.push(session.get().streaming?.text);
  });
  await session.send("hello").durable;
  scripted.startTurn();
  for (const text of ["a", "b", "c"]) scripted.delta(text);
  await viewOf(session, ({ streaming }) => streaming?.text === "abc");
  expect(texts).toEqual(["a", "ab", "abc"]);
});
