import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Session } from "../src/session.ts";
import { codeOf, eventually, live, quickClient, startEdge } from "./harness.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("a lazy session opens with its first subscriber and stops its frames after the last one", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const session = client.session("chat", { lazy: true });
  await client.connected();
  expect(session.get().delivery.state).toBe("idle");
  const off = session.subscribe(() => undefined);
  await live(session);
  off();
  await eventually(() => expect(edge.closes).toEqual(["chat"]));
  expect(session.get().delivery.state).toBe("idle");
});

test("open-1: used again it goes on from its cursor, with what it held", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat", { lazy: true });
  const off = session.subscribe(() => undefined);
  await live(session);
  off();
  await eventually(() => expect(edge.closes).toEqual(["chat"]));
  edge.world.session("chat").answer("meanwhile");
  session.subscribe(() => undefined);
  await eventually(() => expect(session.get().turns).toHaveLength(1));
  expect(edge.opens).toEqual([{ session: "chat" }, { session: "chat", cursor: "0", version: 0 }]);
});

test("a subscriber that comes back soon finds the session still open, as React's double mounting does", async () => {
  const edge = await startEdge();
  const session = quickClient([edge], { bounds: { lingerMs: 60_000 } }).session("chat", { lazy: true });
  session.subscribe(() => undefined)();
  session.subscribe(() => undefined);
  await live(session);
  expect(edge.opens).toHaveLength(1);
});

test("an unwatched lazy session stays open until what was sent is durable", async () => {
  const edge = await startEdge();
  let answers = 0;
  edge.script.send = (_request, proceed) => (answers++ < 3 ? "silence" : proceed());
  const session = quickClient([edge], { bounds: { requestTimeoutMs: 60, lingerMs: 1 } }).session("chat", {
    lazy: true,
  });
  await session.send("hello").durable;
  await eventually(() => expect(edge.closes).toEqual(["chat"]));
});

test("a lazy session that is used while it lingers lingers anew, and closes", async () => {
  const uses = {
    sent: (session: Session) => session.send("hello").durable,
    commanded: (session: Session) => codeOf(session.command("none-it-has")),
  };
  for (const [name, use] of Object.entries(uses)) {
    const edge = await startEdge();
    const session = quickClient([edge]).session(name, { lazy: true });
    const off = session.subscribe(() => undefined);
    await live(session);
    off();
    await use(session);
    await eventually(() => expect(edge.closes).toEqual([name]));
  }
});

test("a session asked for without `lazy` stays open without subscribers", async () => {
  const edge = await startEdge();
  const client = quickClient([edge], { bounds: { lingerMs: 1 } });
  const lazy = client.session("lazy", { lazy: true });
  const eager = client.session("eager", { lazy: true });
  expect(client.session("eager")).toBe(eager);
  const off = [eager, lazy].map((session) => session.subscribe(() => undefined));
  await Promise.all([live(eager), live(lazy)]);
  for (const unsubscribe of off) unsubscribe();
  await eventually(() => expect(edge.closes).toEqual(["lazy"]));
  expect(eager.get().delivery.state).toBe("live");
});

test("a lazy session that nobody has any more is let go of, and its name begins anew", async () => {
  const edge = await startEdge();
  const client = quickClient([edge], { bounds: { lingerMs: 1 } });
  const visit = async (name: string): Promise<WeakRef<Session>> => {
    const session = client.session(name, { lazy: true });
    const off = session.subscribe(() => undefined);
    await live(session);
    off();
    return new WeakRef(session);
  };
  const kept = client.session("kept", { lazy: true });
  const seen = [await visit("one"), await visit("two"), await visit("kept")];
  await eventually(() => expect(edge.closes).toHaveLength(3));
  await eventually(() => {
    collectGarbage();
    expect(seen.map((session) => session.deref()?.name)).toEqual([undefined, undefined, "kept"]);
  });
  expect(client.session("kept", { lazy: true })).toBe(kept);
  const again = client.session("one", { lazy: true });
  again.subscribe(() => undefined);
  await live(again);
});
