import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionKey } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { Scribe } from "./scribe.ts";
import { Stage } from "./stage.ts";
import { input, observe, Visitor } from "./visitor.ts";

let dir: string;
let stage: Stage;
let edge: Edge;
const open: Visitor[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-edge-"));
  stage = await Stage.start(dir);
  [edge] = await Promise.all([stage.startEdge(), stage.startWorker()]);
});
afterEach(() => {
  for (const visitor of open.splice(0)) visitor.leave();
});
afterAll(async () => {
  await stage.stop();
  await rm(dir, { recursive: true });
});

let subjects = 0;
async function visit(url = edge.url, subject = `user-${++subjects}`): Promise<{ visitor: Visitor; key: SessionKey }> {
  const visitor = await Visitor.connect(url, subject);
  open.push(visitor);
  return { visitor, key: { tenant: "acme", owner: subject, name: "s" } };
}

test("open-6: Redis gone: degraded, sends are made durable, opens are answered; back and empty: everyone has the truth", async () => {
  const { visitor, key } = await visit();
  const scribe = new Scribe(stage, await stage.openLog(), key);
  await visitor.open("s");
  await scribe.turn("before");
  await visitor.until(() => visitor.of("s").view.version === 2);

  stage.valkey.kill("SIGKILL");
  await visitor.until(() => visitor.statuses.at(-1) === true);
  expect(await visitor.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  const late = (await visit()).visitor;
  await late.until(() => late.statuses.at(-1) === true);
  expect(await late.open("s")).toEqual({ ok: true, resumed: false });
  expect(await late.send("s", [observe(1)])).toEqual({ ok: true, durable: 1 });
  expect((await fetch(`${edge.url}/readyz`)).status).toBe(200);
  await scribe.begin().catch(() => {});
  scribe.commitOnly();
  await scribe.tellWorkflow();

  await stage.restartValkey();
  await Promise.all([visitor, late].map((one) => one.until(() => one.statuses.at(-1) === false)));
  await visitor.until(() => visitor.of("s").view.version === 4);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  await late.until(() => late.of("s").last !== undefined);
  scribe.log = await stage.openLog();
  await scribe.turn("after");
  await visitor.until(() => visitor.of("s").view.version === 6);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect(visitor.of("s").breaks).toBe(0);
});

test("a Redis that came back with an older past is not believed: neither an open feed, nor a session opened later", async () => {
  const { visitor, key } = await visit();
  const { visitor: other, key: otherKey } = await visit();
  const log = await stage.openLog();
  const scribes = [new Scribe(stage, log, key), new Scribe(stage, log, otherKey)] as const;
  await visitor.open("s");
  await other.open("s");
  for (const scribe of scribes) {
    await scribe.turn("one");
    await scribe.tellWorkflow();
  }
  await Promise.all([visitor, other].map((one) => one.until(() => one.of("s").view.version === 2)));
  other.leave();
  // What a failover does: turn two was committed and published, and then the log knew nothing of it.
  for (const scribe of scribes) {
    await scribe.begin();
    scribe.commitOnly();
    await scribe.tellWorkflow();
    await stage.forget(scribe.key);
    const snapshot = { ...scribe.snapshot, version: 2, turns: scribe.snapshot.turns.slice(0, 1) };
    await log.putSnapshot(scribe.key, { epoch: scribe.epoch, snapshot });
  }
  await stage.failOver();
  await visitor.until(() => visitor.of("s").view.version === 4);
  expect(visitor.of("s").view).toEqual(scribes[0].snapshot);
  const { visitor: later } = await visit(edge.url, otherKey.owner);
  await later.open("s");
  await later.until(() => later.of("s").last !== undefined);
  expect(later.of("s").view).toEqual(scribes[1].snapshot);
});

test("open-6: connections that were lost to a Redis which lost nothing cost no Query; frames missed meanwhile are read", async () => {
  // Sessions of other tests are still looked after at theirs.
  const own = await stage.startEdge();
  const { visitor, key } = await visit(own.url);
  const scribe = new Scribe(stage, await stage.openLog(), key);
  await visitor.open("s");
  await scribe.turn("one");
  await scribe.tellWorkflow();
  await visitor.until(() => visitor.of("s").view.version === 2);
  const before = await queries(own);
  await stage.dropRedisConnections();
  await visitor.until(() => visitor.statuses.at(-1) === false);
  scribe.log = await stage.openLog();
  await scribe.turn("two");
  await visitor.until(() => visitor.of("s").view.version === 4);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect(visitor.of("s").breaks).toBe(0);
  expect(await queries(own)).toBe(before);
});

test("open-6: a Redis that hangs is found out, and an open does not wait for it", async () => {
  const { visitor } = await visit();
  await visitor.open("s");
  stage.valkey.kill("SIGSTOP");
  try {
    const [opened, sent] = await Promise.all([visitor.open("t"), visitor.send("s", [input(1)])]);
    expect(opened).toEqual({ ok: true, resumed: false });
    expect(sent).toEqual({ ok: true, durable: 1 });
    await visitor.until(() => visitor.statuses.at(-1) === true);
  } finally {
    stage.valkey.kill("SIGCONT");
  }
  await visitor.until(() => visitor.statuses.at(-1) === false);
  await visitor.until(() => visitor.of("t").last !== undefined);
});

test("open-2: whoever comes back while Redis hangs is told that it resumes, and does, without a snapshot", async () => {
  const { visitor, key } = await visit();
  const scribe = new Scribe(stage, await stage.openLog(), key);
  await visitor.open("s");
  await scribe.turn("one");
  await visitor.until(() => visitor.of("s").view.version === 2);
  const { frames } = visitor.of("s");
  const before = frames.length;
  stage.valkey.kill("SIGSTOP");
  try {
    await visitor.until(() => visitor.statuses.at(-1) === true);
    await visitor.closeSession("s");
    expect(await visitor.open("s")).toEqual({ ok: true, resumed: true });
  } finally {
    stage.valkey.kill("SIGCONT");
  }
  await visitor.until(() => visitor.statuses.at(-1) === false);
  scribe.log = await stage.openLog();
  await scribe.turn("two");
  await visitor.until(() => visitor.of("s").view.version === 4);
  expect(visitor.of("s").breaks).toBe(0);
  expect(frames.slice(before).map(({ type }) => type)).toEqual(["turn.started", "delta", "turn.completed"]);
});

test("a session without an agent process behind it opens at once, and gets its snapshot when one is there", async () => {
  const { visitor, key } = await visit();
  const scribe = new Scribe(stage, await stage.openLog(), key);
  await scribe.turn("one");
  await scribe.tellWorkflow();
  await stage.forget(key);
  const stopped = await stage.stopWorkers();
  expect(await visitor.open("s")).toEqual({ ok: true, resumed: false });
  expect(await visitor.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  expect(visitor.of("s").last).toBeUndefined();
  expect(stopped).toBe(1);
  await stage.startWorker();
  await visitor.until(() => visitor.of("s").view.version === 2);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
});

test("ack-1, send-5: Temporal killed in a burst and back: every event is durable once and in order", async () => {
  const { visitor, key } = await visit();
  await visitor.open("s");
  expect(await visitor.send("s", [observe(1)])).toEqual({ ok: true, durable: 1 });
  const restart = await stage.killTemporal(dir);
  const acks = Array.from({ length: 50 }, (_, index) => visitor.send("s", [observe(index + 2)]));
  let isAnswered = false;
  void Promise.race(acks).then(() => (isAnswered = true));
  // A request that needs no Temporal is answered after them, were they answered.
  expect(await visitor.closeSession("other")).toEqual({ ok: true });
  expect(isAnswered).toBe(false);
  await restart();
  expect(await Promise.all(acks)).toEqual(Array.from({ length: 50 }, (_, index) => ({ ok: true, durable: index + 2 })));
  await stage.stopWorkers();
  await stage.startWorker();
  const seqs = (await stage.received(key)).flatMap(({ runs }) =>
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
