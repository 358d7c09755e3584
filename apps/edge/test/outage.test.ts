import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionKey } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture } from "./fixture.ts";
import { input, observe, TestClient } from "./client.ts";

let dir: string;
let fixture: Fixture;
let edge: Edge;
const open: TestClient[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-edge-"));
  fixture = await Fixture.start(dir);
  [edge] = await Promise.all([fixture.startEdge(), fixture.startWorker()]);
});
afterEach(() => {
  for (const client of open.splice(0)) client.leave();
});
afterAll(async () => {
  await fixture.stop();
  await rm(dir, { recursive: true });
});

let subjects = 0;
async function connect(
  url = edge.url,
  subject = `user-${++subjects}`,
): Promise<{ client: TestClient; key: SessionKey }> {
  const client = await TestClient.connect(url, subject);
  open.push(client);
  return { client, key: { tenant: "acme", owner: subject, name: "s" } };
}

test("open-6: Redis gone: degraded, sends are made durable, opens are answered; back and empty: everyone has the truth", async () => {
  const { client, key } = await connect();
  const writer = new LogWriter(await fixture.openLog(), key);
  await client.open("s");
  await writer.turn("before");
  await client.until(() => client.of("s").view.version === 2);

  fixture.valkey.kill("SIGKILL");
  await client.until(() => client.statuses.at(-1) === true);
  expect(await client.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  const late = (await connect()).client;
  await late.until(() => late.statuses.at(-1) === true);
  expect(await late.open("s")).toEqual({ ok: true, resumed: false });
  expect(await late.send("s", [observe(1)])).toEqual({ ok: true, durable: 1 });
  expect((await fetch(`${edge.url}/readyz`)).status).toBe(200);
  await writer.begin().catch(() => {});
  writer.commitOnly();
  await fixture.hold(writer);

  await fixture.restartValkey();
  await Promise.all([client, late].map((one) => one.until(() => one.statuses.at(-1) === false)));
  await client.until(() => client.of("s").view.version === 4);
  expect(client.of("s").view).toEqual(writer.snapshot);
  await late.until(() => late.of("s").last !== undefined);
  writer.log = await fixture.openLog();
  await writer.turn("after");
  await client.until(() => client.of("s").view.version === 6);
  expect(client.of("s").view).toEqual(writer.snapshot);
  expect(client.of("s").breaks).toBe(0);
});

test("a Redis that came back with an older past is not believed: neither an open feed, nor a session opened later", async () => {
  const { client, key } = await connect();
  const { client: other, key: otherKey } = await connect();
  const log = await fixture.openLog();
  const writers = [new LogWriter(log, key), new LogWriter(log, otherKey)] as const;
  await client.open("s");
  await other.open("s");
  for (const writer of writers) {
    await writer.turn("one");
    await fixture.hold(writer);
  }
  await Promise.all([client, other].map((one) => one.until(() => one.of("s").view.version === 2)));
  other.leave();
  // What a failover does: turn two was committed and published, and then the log knew nothing of it.
  for (const writer of writers) {
    await writer.begin();
    writer.commitOnly();
    await fixture.hold(writer);
    await fixture.forget(writer.key);
    const snapshot = { ...writer.snapshot, version: 2, turns: writer.snapshot.turns.slice(0, 1) };
    await log.putSnapshot(writer.key, { epoch: writer.epoch, snapshot });
  }
  await fixture.failOver();
  await client.until(() => client.of("s").view.version === 4);
  expect(client.of("s").view).toEqual(writers[0].snapshot);
  const { client: later } = await connect(edge.url, otherKey.owner);
  await later.open("s");
  await later.until(() => later.of("s").last !== undefined);
  expect(later.of("s").view).toEqual(writers[1].snapshot);
});

test("open-6: connections that were lost to a Redis which lost nothing cost no Query; frames missed meanwhile are read", async () => {
  // Sessions of other tests are still looked after at theirs.
  const own = await fixture.startEdge();
  const { client, key } = await connect(own.url);
  const writer = new LogWriter(await fixture.openLog(), key);
  await client.open("s");
  await writer.turn("one");
  await fixture.hold(writer);
  await client.until(() => client.of("s").view.version === 2);
  const before = await queries(own);
  await fixture.dropRedisConnections();
  await client.until(() => client.statuses.at(-1) === false);
  writer.log = await fixture.openLog();
  await writer.turn("two");
  await client.until(() => client.of("s").view.version === 4);
  expect(client.of("s").view).toEqual(writer.snapshot);
  expect(client.of("s").breaks).toBe(0);
  expect(await queries(own)).toBe(before);
});

test("open-6: a Redis that hangs is found out, and an open does not wait for it", async () => {
  const { client } = await connect();
  await client.open("s");
  fixture.valkey.kill("SIGSTOP");
  try {
    const [opened, sent] = await Promise.all([client.open("t"), client.send("s", [input(1)])]);
    expect(opened).toEqual({ ok: true, resumed: false });
    expect(sent).toEqual({ ok: true, durable: 1 });
    await client.until(() => client.statuses.at(-1) === true);
  } finally {
    fixture.valkey.kill("SIGCONT");
  }
  await client.until(() => client.statuses.at(-1) === false);
  await client.until(() => client.of("t").last !== undefined);
});

test("open-2: whoever comes back while Redis hangs is told that it resumes, and does, without a snapshot", async () => {
  const { client, key } = await connect();
  const writer = new LogWriter(await fixture.openLog(), key);
  await client.open("s");
  await writer.turn("one");
  await client.until(() => client.of("s").view.version === 2);
  const { frames } = client.of("s");
  const before = frames.length;
  fixture.valkey.kill("SIGSTOP");
  try {
    await client.until(() => client.statuses.at(-1) === true);
    await client.closeSession("s");
    expect(await client.open("s")).toEqual({ ok: true, resumed: true });
  } finally {
    fixture.valkey.kill("SIGCONT");
  }
  await client.until(() => client.statuses.at(-1) === false);
  writer.log = await fixture.openLog();
  await writer.turn("two");
  await client.until(() => client.of("s").view.version === 4);
  expect(client.of("s").breaks).toBe(0);
  expect(frames.slice(before).map(({ type }) => type)).toEqual(["turn.started", "delta", "turn.ended"]);
});

test("a session without an agent process behind it opens at once, and gets its snapshot when one is there", async () => {
  const { client, key } = await connect();
  const writer = new LogWriter(await fixture.openLog(), key);
  await writer.turn("one");
  await fixture.hold(writer);
  await fixture.forget(key);
  const stopped = await fixture.stopWorkers();
  expect(await client.open("s")).toEqual({ ok: true, resumed: false });
  expect(await client.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  expect(client.of("s").last).toBeUndefined();
  expect(stopped).toBe(1);
  await fixture.startWorker();
  await client.until(() => client.of("s").view.version === 2);
  expect(client.of("s").view).toEqual(writer.snapshot);
});

test("ack-1, send-5: Temporal killed in a burst and back: every event is durable once and in order", async () => {
  const { client, key } = await connect();
  await client.open("s");
  expect(await client.send("s", [observe(1)])).toEqual({ ok: true, durable: 1 });
  const restart = await fixture.killTemporal(dir);
  const acks = Array.from({ length: 50 }, (_, index) => client.send("s", [observe(index + 2)]));
  let isAnswered = false;
  void Promise.race(acks).then(() => (isAnswered = true));
  // A request that needs no Temporal is answered after them, were they answered.
  expect(await client.closeSession("other")).toEqual({ ok: true });
  expect(isAnswered).toBe(false);
  await restart();
  expect(await Promise.all(acks)).toEqual(Array.from({ length: 50 }, (_, index) => ({ ok: true, durable: index + 2 })));
  await fixture.stopWorkers();
  await fixture.startWorker();
  const seqs = (await fixture.received(key)).flatMap(({ runs }) =>
    runs.flatMap(({ events }) => events.map(({ seq }) => seq)),
  );
  // A batch whose answer was lost may have arrived twice; what is new comes in order.
  const fresh = seqs.filter((seq, index) => seqs.indexOf(seq) === index);
  expect(fresh).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
});

async function queries({ url }: Edge): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^holdfast_edge_queries_total\S* (\d+)/m.exec(text)?.[1]);
}
