import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { memoryStorage, type OutboxStorage } from "../src/storage.ts";
import { eventually, live, quickClient, startEdge, viewOf } from "./harness.ts";

const inputs = (edge: Awaited<ReturnType<typeof startEdge>>): string[] =>
  edge.world.session("chat").taken.map(({ event }) => (event.kind === "input" ? event.text : event.name));

test("send-4, ack-3: what a closed client left is sent by the next one, under the same producer and numbers", async () => {
  const edge = await startEdge();
  const storage = memoryStorage();
  edge.script.send = (_request, proceed) => {
    proceed();
    return "silence";
  };
  const first = quickClient([edge], { storage });
  const left = [first.session("chat").send("a"), first.session("chat").observe("b")];
  await eventually(() => expect(inputs(edge)).toEqual(["a", "b"]));
  await first.close();

  edge.script.send = (_request, proceed) => proceed();
  const second = quickClient([edge], { storage });
  const session = second.session("chat");
  const own = session.send("c");
  await own.durable;
  await viewOf(session, ({ lag }) => lag.unacked === 0 && lag.unapplied === 2);
  expect(session.get().pending.map((input) => [input.producer, input.seq, input.text])).toEqual([
    [left[0]?.producer, 1, "a"],
    [own.producer, 1, "c"],
  ]);
  expect(own.producer).not.toBe(left[0]?.producer);
  expect(inputs(edge)).toEqual(["a", "b", "c"]);

  edge.world.session("chat").answer("A");
  edge.world.session("chat").answer("C");
  await viewOf(session, ({ lag }) => lag.unapplied === 0);
  await second.close();
  expect(await storage.adopt("chat")).toEqual([]);
});

test("events a living client holds are not taken from it, and those of one that closes later are found", async () => {
  const edge = await startEdge();
  const storage = memoryStorage();
  const [first, second] = [
    quickClient([edge], { storage }),
    quickClient([edge], { storage, bounds: { adoptEveryMs: 20 } }),
  ];
  edge.script.send = () => "silence";
  const held = first.session("chat").send("held");
  await eventually(() => expect(edge.sends).toHaveLength(1));
  const session = second.session("chat");
  await live(session);
  expect(session.get().pending).toEqual([]);
  delete edge.script.send;
  await first.close();
  await viewOf(session, ({ pending }) => pending.length === 1 && pending[0]?.status === "durable");
  expect(session.get().pending[0]).toMatchObject({ producer: held.producer, text: "held" });
});

test("an adopted event that a turn has taken already is not sent again", async () => {
  const edge = await startEdge();
  const storage = memoryStorage();
  const store = await storage.claim("chat", "gone");
  await store.save([{ seq: 1, kind: "input", text: "done" }]);
  await store.release();
  edge.world.session("chat").take("gone", [{ seq: 1, kind: "input", text: "done" }]);
  edge.world.session("chat").answer("Done.");
  const client = quickClient([edge], { storage });
  const session = client.session("chat");
  await live(session);
  await session.send("next").durable;
  expect(inputs(edge)).toEqual(["done", "next"]);
  expect(edge.sends.map((request) => request.producer)).not.toContain("gone");
  expect(session.get().pending.map((input) => input.text)).toEqual(["next"]);
  await client.close();
  expect(await storage.adopt("chat")).toEqual([]);
});

test("what was adopted stays stored when this token may not open the session", async () => {
  const edge = await startEdge();
  const storage = memoryStorage();
  const store = await storage.claim("chat", "gone");
  await store.save([{ seq: 1, kind: "input", text: "kept" }]);
  await store.release();
  edge.script.send = () => "silence";
  const client = quickClient([edge], { storage });
  const session = client.session("chat");
  await viewOf(session, ({ pending }) => pending.length === 1);
  edge.script.open = () => ({ ok: false, error: wireError("forbidden") });
  edge.drop();
  await viewOf(session, ({ delivery }) => delivery.state === "refused");
  expect(session.get().pending).toEqual([]);
  await client.close();
  expect(await storage.adopt("chat")).toMatchObject([{ producer: "gone", events: [{ seq: 1, text: "kept" }] }]);
});

test("a storage that does not work costs persistence only, and is a problem for the log", async () => {
  const edge = await startEdge();
  const broken: OutboxStorage = {
    claim: () => Promise.reject(new Error("quota")),
    adopt: () => Promise.reject(new Error("no database")),
  };
  const client = quickClient([edge], { storage: broken });
  await client.session("chat").send("hello").durable;
  await eventually(() =>
    expect(client.problems.map((error) => error.code)).toEqual(["storage_unavailable", "storage_unavailable"]),
  );
});
