import { emptySnapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { useReading } from "./use-reading.ts";
import { input, type Visitor } from "./visitor.ts";

const use = useReading();

test("open-3: a session nobody has sent anything to begins with a snapshot of version 0", async () => {
  const visitor = await use.visit(use.newKey());
  expect(await visitor.open("s")).toEqual({ ok: true, resumed: false });
  await visitor.until(() => visitor.of("s").last !== undefined);
  expect(visitor.of("s").frames).toEqual([{ type: "snapshot", id: "0", snapshot: emptySnapshot("echo") }]);
});

test("frames come live, chained, to every reader, under the name each opened the session by (ids-2)", async () => {
  const key = use.newKey();
  const scribe = use.scribe(key);
  const owner = await use.visit(key);
  const guest = await use.visit({ owner: "guest" }, { shared: [`${key.owner}/s`] });
  await owner.open("s");
  await guest.open(`${key.owner}/s`);
  await scribe.turn("Hello", ", ", "world");
  const version = (visitor: Visitor, ref: string) => visitor.until(() => visitor.of(ref).view.version === 2);
  await Promise.all([version(owner, "s"), version(guest, `${key.owner}/s`)]);
  for (const held of [owner.of("s"), guest.of(`${key.owner}/s`)]) {
    expect(held.view).toEqual(scribe.snapshot);
    expect(held.breaks).toBe(0);
    expect(held.frames.map(({ type }) => type)).toEqual([
      "snapshot",
      "turn.started",
      "delta",
      "delta",
      "delta",
      "turn.completed",
    ]);
  }
});

test("open-2: a reader resumes right after its cursor, on a node that has just followed and on one that had not", async () => {
  const { key, scribe, visitor } = await use.firstTurnRead();
  visitor.leave();
  await scribe.turn(...Array.from({ length: 200 }, (_, index) => `${index} `));
  await scribe.tellWorkflow();
  const other = await use.stage.startEdge();
  for (const node of [use.edge, other]) {
    const again = await use.visit(key, {}, node);
    Object.assign(again.of("s"), { view: visitor.of("s").view, last: visitor.of("s").last });
    expect(await again.open("s")).toEqual({ ok: true, resumed: true });
    await again.until(() => again.of("s").view.version === 4);
    expect(again.of("s").frames[0]).toMatchObject({ type: "turn.started", turn: 2 });
    expect(again.of("s").view).toEqual(scribe.snapshot);
    expect(again.of("s").breaks).toBe(0);
  }
});

test("open-3: a cursor the log does not have any more begins with a snapshot", async () => {
  const key = use.newKey();
  const scribe = use.scribe(key);
  await scribe.turn("one");
  await scribe.tellWorkflow();
  const visitor = await use.visit(key);
  expect(await visitor.open("s", { cursor: "123-456", version: 1 })).toEqual({ ok: true, resumed: false });
  await visitor.until(() => visitor.of("s").view.version === 2);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
});

test("open-4: a second open starts anew with its cursor; open-5: nothing comes after close", async () => {
  const { key, scribe, visitor } = await use.firstTurnRead();
  await scribe.tellWorkflow();
  const before = visitor.of("s").frames.length;
  expect(await visitor.ask("open", { session: "s" })).toEqual({ ok: true, resumed: false });
  await visitor.until(() => visitor.of("s").frames.length > before);
  expect(visitor.of("s").frames.at(-1)?.type).toBe("snapshot");
  await visitor.closeSession("s");
  const witness = await use.visit(key);
  await witness.open("s");
  const after = visitor.of("s").frames.length;
  await scribe.turn("two");
  await witness.until(() => witness.of("s").view.version === 4);
  expect(visitor.of("s").frames).toHaveLength(after);
});

test("open-4: an open that another overtakes is answered by what comes", async () => {
  const { key, visitor } = await use.firstTurnRead();
  visitor.leave();
  const next = await use.visit(key);
  const place = { session: "s", cursor: visitor.of("s").last, version: 2 };
  const answers = await Promise.all([next.ask("open", place), next.ask("open", place)]);
  expect(answers).toEqual([
    { ok: true, resumed: true },
    { ok: true, resumed: true },
  ]);
});

test("snap-3: opened in mid-turn, the snapshot has the partial text, and deltas go on from it", async () => {
  const key = use.newKey();
  const scribe = use.scribe(key);
  await scribe.begin();
  await scribe.say("Once upon ");
  await scribe.tellWorkflow();
  const visitor = await use.visit(key);
  await visitor.open("s");
  await visitor.until(() => visitor.of("s").view.running?.text === "Once upon ");
  await scribe.say("a time");
  await visitor.until(() => visitor.of("s").view.running?.text === "Once upon a time");
  await scribe.end();
  await visitor.until(() => visitor.of("s").view.version === 2);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect(visitor.of("s").breaks).toBe(0);
});

test("a cold cache is filled by one Query, however many open the session at once", async () => {
  const key = use.newKey();
  const scribe = use.scribe(key);
  await scribe.turn("one");
  await scribe.tellWorkflow();
  await use.stage.forget(key);
  const queries = await use.metric("holdfast_edge_queries_total");
  const visitors = await Promise.all(Array.from({ length: 5 }, () => use.visit(key)));
  await Promise.all(visitors.map((visitor) => visitor.open("s")));
  await Promise.all(visitors.map((visitor) => visitor.until(() => visitor.of("s").view.version === 2)));
  for (const visitor of visitors) expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect((await use.metric("holdfast_edge_queries_total")) - queries).toBe(1);
  const late = await use.visit(key);
  await late.open("s");
  await late.until(() => late.of("s").view.version === 2);
  expect((await use.metric("holdfast_edge_queries_total")) - queries).toBe(1);
});

test("open-2: whoever resumes where one node has verified the log costs no other node a Query", async () => {
  const key = use.newKey();
  const scribe = use.scribe(key);
  const first = await use.visit(key);
  await first.open("s");
  await scribe.turn("one");
  await scribe.tellWorkflow();
  await first.until(() => first.of("s").view.version === 2);
  const other = await use.stage.startEdge();
  const again = await use.visit(key, {}, other);
  expect(await again.open("s", { cursor: first.of("s").last, version: 2 })).toEqual({ ok: true, resumed: true });
  // A session that was never sent anything to is one as well.
  await first.open("empty");
  await first.until(() => first.of("empty").last !== undefined);
  expect(await again.open("empty", { cursor: "0", version: 0 })).toEqual({ ok: true, resumed: true });
  // And so is one that is opened anew.
  await again.open("s");
  await again.until(() => again.of("s").last !== undefined);
  expect(again.of("s").view).toEqual(scribe.snapshot);
  expect(await use.metric("holdfast_edge_queries_total", other)).toBe(0);
});

test("chain-1: a log that was lost under a reader is noticed at the next frame, and mended by a snapshot", async () => {
  const { key, scribe, visitor } = await use.firstTurnRead();
  await scribe.begin();
  await scribe.say("half");
  await visitor.until(() => visitor.of("s").view.running?.text === "half");
  await use.stage.forget(key);
  scribe.commitOnly();
  await scribe.tellWorkflow();
  await scribe.turn("three");
  await scribe.tellWorkflow();
  await visitor.until(() => visitor.of("s").view.version === 6);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect(visitor.of("s").breaks).toBe(0);
});

test("turn-2: a log given back what the workflow said before its last word shows nobody who heard that the turn is under way", async () => {
  const { key, scribe, visitor } = await use.opened();
  await scribe.begin();
  await scribe.say("all of it");
  const before = { epoch: scribe.epoch, snapshot: scribe.snapshot };
  await scribe.end();
  await scribe.tellWorkflow();
  await visitor.until(() => visitor.of("s").view.version === 2);
  // Somebody had asked the workflow before the turn ended, and puts that answer into a log which has lost everything since.
  await use.stage.forget(key);
  await scribe.log.putSnapshot(key, before);
  await scribe.log.markVerified(key, (await scribe.log.verification(key)).replicationId);
  await visitor.until(() => visitor.of("s").frames.filter(({ type }) => type === "snapshot").length === 2);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  const another = await use.visit(key);
  await another.open("s");
  await another.until(() => another.of("s").last !== undefined);
  expect(another.of("s").view).toEqual(scribe.snapshot);
});

test("snap-4: a session whose workflow went back is shown as it is", async () => {
  const { key, scribe, visitor } = await use.firstTurnRead();
  const before = scribe.snapshot;
  await scribe.turn("two");
  await visitor.until(() => visitor.of("s").view.version === 4);
  await use.stage.hold(key, { epoch: scribe.epoch, snapshot: before });
  await use.stage.forget(key);
  const again = await use.visit(key);
  await again.open("s", { cursor: visitor.of("s").last, version: 4 });
  await again.until(() => again.of("s").last !== undefined);
  expect(again.of("s").view).toEqual(before);
});

test("chain-3: a version the log never got reaches no reader as a gap, but as a snapshot", async () => {
  const { scribe, visitor } = await use.opened();
  await scribe.begin();
  await scribe.say("half");
  scribe.commitOnly();
  await scribe.tellWorkflow();
  await scribe.turn("two");
  await scribe.tellWorkflow();
  await visitor.until(() => visitor.of("s").view.version === 4);
  expect(visitor.of("s").view).toEqual(scribe.snapshot);
  expect(visitor.of("s").breaks).toBe(0);
  for (const { type } of visitor.of("s").frames) expect(type).not.toBe("resync");
});

test("a turn goes all the way: sent, made durable, applied by a frame", async () => {
  const { key, scribe, visitor } = await use.opened();
  expect(await visitor.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  await scribe.begin({ [`${key.owner}/p`]: 1 });
  await visitor.until(() => visitor.of("s").view.applied[`${key.owner}/p`] === 1);
});
