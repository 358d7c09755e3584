import { emptySnapshot, type Turn } from "@holdfast/contract";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture, token } from "../../../apps/edge/test/fixture.ts";
import { connect, type HoldfastClient } from "../src/client.ts";
import { codeOf, eventually, live, runningText, viewOf } from "./harness.ts";

/** The same rules against the edge itself, with a real Temporal and a real Valkey behind it. */
let fixture: Fixture;
let urls: string[];

beforeAll(async () => {
  fixture = await Fixture.start();
  await fixture.startWorker();
  urls = [(await fixture.startEdge()).url, (await fixture.startEdge()).url];
});

afterAll(async () => {
  await fixture.stop();
});

function join(
  subject: string,
  options: { url?: string | string[]; token?: () => Promise<string> } = {},
): HoldfastClient {
  const client = connect({
    url: options.url ?? urls,
    token: options.token ?? (() => token(subject)),
    // The first edge of the list first.
    random: () => 0,
    bounds: { backoffBaseMs: 20, backoffMaxMs: 500 },
  });
  onTestFinished(() => client.close());
  return client;
}

const keyOf = (owner: string) => ({ tenant: "acme", owner, name: "chat" });

test("ack-1, send-5: hundreds of events in many requests become durable, each once and in order", async () => {
  const session = join("ann").session("chat");
  const receipts = [];
  for (let i = 1; i <= 600; i++) {
    receipts.push(session.observe(`n${i}`));
    if (i % 7 === 0) await Promise.resolve();
  }
  await Promise.all(receipts.map((receipt) => receipt.durable));
  const batches = await fixture.received(keyOf("ann"));
  const seqs = batches.flatMap((batch) => batch.runs.flatMap((run) => run.events.map((event) => event.seq)));
  expect(seqs).toEqual(receipts.map((receipt) => receipt.seq));
});

test("close-2, open-1, chain-1: when its edge drains, the client goes on at another one from its cursor", async () => {
  const draining = await fixture.startEdge();
  const client = join("bea", { url: [draining.url, ...urls] });
  const session = client.session("chat");
  const types: string[] = [];
  session.on("frame", (frame) => types.push(frame.type));
  const first = await live(session);
  expect(first.connection).toMatchObject({ url: draining.url });
  const writer = new LogWriter(await fixture.openLog(), keyOf("bea"));
  await writer.begin();
  await writer.say("before ");
  await viewOf(session, (view) => runningText(view) === "before ");
  await draining.stop("drain");
  await writer.say("after");
  const view = await viewOf(session, (now) => runningText(now) === "before after");
  expect(view.connection).not.toMatchObject({ url: draining.url });
  expect(types).toEqual(["snapshot", "turn.started", "delta", "delta"]);
});

test("command-1: a command is answered by the session; what it refuses rejects", async () => {
  const session = join("cleo").session("chat");
  await session.send("hello").durable;
  expect(await session.command("echo", { a: 1 })).toMatchObject({ args: { a: 1 } });
  expect(await codeOf(session.command("refuse"))).toBe("command_refused");
  expect(await codeOf(session.command("no-such"))).toBe("unknown_command");
});

test("history-1, history-2: older turns than the snapshot's come by pages, until the session keeps none before them", async () => {
  const turns = Array.from({ length: 8 }, (_, i): Turn => {
    const [turn, origin] = [i + 1, "user" as const];
    const inputs = [{ by: "hal", producer: "p", seq: turn, origin, at: 0, text: `question ${turn}` }];
    const steps = [{ step: 1, attempt: 1, parts: [{ type: "text" as const, text: `answer ${turn}` }] }];
    return { turn, origin, inputs, steps, outcome: "completed", finish: "stop" };
  });
  const snapshot = { ...emptySnapshot("echo"), version: 16, turns: turns.slice(5) };
  await fixture.hold({ key: keyOf("hal"), epoch: 1, snapshot }, turns.slice(0, 5));
  const session = join("hal").session("chat");
  expect(await live(session)).toMatchObject({ turns: turns.slice(5), hasOlder: true });
  expect(await session.history({ limit: 2 })).toBe(true);
  expect(session.get()).toMatchObject({ turns: turns.slice(3), hasOlder: true });
  expect(await session.history()).toBe(false);
  expect(session.get()).toMatchObject({ turns, hasOlder: false });
});

test("connect-3: a token the edge does not accept ends in `refused`", async () => {
  const client = join("dan", { token: () => Promise.resolve("not.a.token") });
  expect(await codeOf(client.connected())).toBe("unauthenticated");
});

test("err-2: a session that is not the token's is refused, with what was sent to it", async () => {
  const session = join("eve").session("ann/chat");
  expect(await codeOf(session.send("hello").durable)).toBe("forbidden");
  expect(session.get().delivery).toMatchObject({ state: "refused", error: { code: "forbidden" } });
});

test("connect-5: a token that expires is renewed on the same connection", async () => {
  let asked = 0;
  const client = join("flo", { token: () => token("flo", { expiresIn: ++asked === 1 ? 4 : 600 }) });
  const states: string[] = [];
  client.on("connection", (state) => states.push(state.state));
  await client.connected();
  await eventually(() => expect(asked).toBe(2));
  await client.session("chat").send("still here").durable;
  expect(states).not.toContain("waiting");
});

test("open-6: while Redis is away the view is degraded and sending goes on; then frames come again", async () => {
  const session = join("gus").session("chat");
  await live(session);
  fixture.valkey.kill("SIGKILL");
  await viewOf(session, (view) => view.degraded);
  await session.send("meanwhile").durable;
  await fixture.restartValkey();
  await viewOf(session, (view) => !view.degraded);
  const writer = new LogWriter(await fixture.openLog(), keyOf("gus"));
  await writer.begin();
  await writer.say("back");
  await viewOf(session, (view) => runningText(view) === "back");
});
