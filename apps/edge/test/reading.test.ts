import { emptySnapshot, textOf } from "@holdfast/contract";
import { expect, test } from "vitest";
import { useReading } from "./reading-fixture.ts";
import { input, type TestClient } from "./client.ts";

const use = useReading();

/** What `client` is shown of the running turn. */
function runningText(client: TestClient): string | undefined {
  const { running } = client.of("s").view;
  return running === null ? undefined : textOf(running);
}

test("open-3: a session nobody has sent anything to begins with a snapshot of version 0", async () => {
  const client = await use.connect(use.newKey());
  expect(await client.open("s")).toEqual({ ok: true, resumed: false });
  await client.until(() => client.of("s").last !== undefined);
  expect(client.of("s").frames).toEqual([{ type: "snapshot", id: "0", snapshot: emptySnapshot("echo") }]);
});

test("frames come live, chained, to every reader, under the name each opened the session by (ids-2)", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  const owner = await use.connect(key);
  const guest = await use.connect({ owner: "guest" }, { shared: [`${key.owner}/s`] });
  await owner.open("s");
  await guest.open(`${key.owner}/s`);
  await writer.turn("Hello", ", ", "world");
  const version = (client: TestClient, ref: string) => client.until(() => client.of(ref).view.version === 2);
  await Promise.all([version(owner, "s"), version(guest, `${key.owner}/s`)]);
  for (const held of [owner.of("s"), guest.of(`${key.owner}/s`)]) {
    expect(held.view).toEqual(writer.snapshot);
    expect(held.breaks).toBe(0);
    expect(held.frames.map(({ type }) => type)).toEqual([
      "snapshot",
      "turn.started",
      "delta",
      "delta",
      "delta",
      "turn.ended",
    ]);
  }
});

test("open-2: a reader resumes right after its cursor, on a node that has just followed and on one that had not", async () => {
  const { key, writer, client } = await use.firstTurnRead();
  client.leave();
  await writer.turn(...Array.from({ length: 200 }, (_, index) => `${index} `));
  await use.fixture.hold(writer);
  const other = await use.fixture.startEdge();
  for (const node of [use.edge, other]) {
    const again = await use.connect(key, {}, node);
    Object.assign(again.of("s"), { view: client.of("s").view, last: client.of("s").last });
    expect(await again.open("s")).toEqual({ ok: true, resumed: true });
    await again.until(() => again.of("s").view.version === 4);
    expect(again.of("s").frames[0]).toMatchObject({ type: "turn.started", turn: 2 });
    expect(again.of("s").view).toEqual(writer.snapshot);
    expect(again.of("s").breaks).toBe(0);
  }
});

test("open-3: a cursor the log does not have any more begins with a snapshot", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  await writer.turn("one");
  await use.fixture.hold(writer);
  const client = await use.connect(key);
  expect(await client.open("s", { cursor: "123-456", version: 1 })).toEqual({ ok: true, resumed: false });
  await client.until(() => client.of("s").view.version === 2);
  expect(client.of("s").view).toEqual(writer.snapshot);
});

test("open-4: a second open starts anew with its cursor; open-5: nothing comes after close", async () => {
  const { key, writer, client } = await use.firstTurnRead();
  await use.fixture.hold(writer);
  const before = client.of("s").frames.length;
  expect(await client.ask("open", { session: "s" })).toEqual({ ok: true, resumed: false });
  await client.until(() => client.of("s").frames.length > before);
  expect(client.of("s").frames.at(-1)?.type).toBe("snapshot");
  await client.closeSession("s");
  const another = await use.connect(key);
  await another.open("s");
  const after = client.of("s").frames.length;
  await writer.turn("two");
  await another.until(() => another.of("s").view.version === 4);
  expect(client.of("s").frames).toHaveLength(after);
});

test("open-4: an open that another overtakes is answered by what comes", async () => {
  const { key, client } = await use.firstTurnRead();
  client.leave();
  const next = await use.connect(key);
  const place = { session: "s", cursor: client.of("s").last, version: 2 };
  const answers = await Promise.all([next.ask("open", place), next.ask("open", place)]);
  expect(answers).toEqual([
    { ok: true, resumed: true },
    { ok: true, resumed: true },
  ]);
});

test("snap-3: opened in mid-turn, the snapshot has the partial text, and deltas go on from it", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  await writer.begin();
  await writer.say("Once upon ");
  await use.fixture.hold(writer);
  const client = await use.connect(key);
  await client.open("s");
  await client.until(() => runningText(client) === "Once upon ");
  await writer.say("a time");
  await client.until(() => runningText(client) === "Once upon a time");
  await writer.end();
  await client.until(() => client.of("s").view.version === 2);
  expect(client.of("s").view).toEqual(writer.snapshot);
  expect(client.of("s").breaks).toBe(0);
});

test("a cold cache is filled by one Query, however many open the session at once", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  await writer.turn("one");
  await use.fixture.hold(writer);
  await use.fixture.forget(key);
  const queries = await use.metric("holdfast_edge_queries_total");
  const clients = await Promise.all(Array.from({ length: 5 }, () => use.connect(key)));
  await Promise.all(clients.map((client) => client.open("s")));
  await Promise.all(clients.map((client) => client.until(() => client.of("s").view.version === 2)));
  for (const client of clients) expect(client.of("s").view).toEqual(writer.snapshot);
  expect((await use.metric("holdfast_edge_queries_total")) - queries).toBe(1);
  const late = await use.connect(key);
  await late.open("s");
  await late.until(() => late.of("s").view.version === 2);
  expect((await use.metric("holdfast_edge_queries_total")) - queries).toBe(1);
});

test("open-2: whoever resumes where one node has verified the log costs no other node a Query", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  const first = await use.connect(key);
  await first.open("s");
  await writer.turn("one");
  await use.fixture.hold(writer);
  await first.until(() => first.of("s").view.version === 2);
  const other = await use.fixture.startEdge();
  const again = await use.connect(key, {}, other);
  expect(await again.open("s", { cursor: first.of("s").last, version: 2 })).toEqual({ ok: true, resumed: true });
  // A session that was never sent anything to is one as well.
  await first.open("empty");
  await first.until(() => first.of("empty").last !== undefined);
  expect(await again.open("empty", { cursor: "0", version: 0 })).toEqual({ ok: true, resumed: true });
  // And so is one that is opened anew.
  await again.open("s");
  await again.until(() => again.of("s").last !== undefined);
  expect(again.of("s").view).toEqual(writer.snapshot);
  expect(await use.metric("holdfast_edge_queries_total", other)).toBe(0);
});

test("chain-1: a log that was lost under a reader is noticed at the next frame, and mended by a snapshot", async () => {
  const { key, writer, client } = await use.firstTurnRead();
  await writer.begin();
  await writer.say("half");
  await client.until(() => runningText(client) === "half");
  await use.fixture.forget(key);
  writer.commitOnly();
  await use.fixture.hold(writer);
  await writer.turn("three");
  await use.fixture.hold(writer);
  await client.until(() => client.of("s").view.version === 6);
  expect(client.of("s").view).toEqual(writer.snapshot);
  expect(client.of("s").breaks).toBe(0);
});

test("turn-2: a log given back what the workflow said before its last word shows nobody who heard that the turn is under way", async () => {
  const { key, writer, client } = await use.opened();
  await writer.begin();
  await writer.say("all of it");
  const before = { epoch: writer.epoch, snapshot: writer.snapshot };
  await writer.end();
  await use.fixture.hold(writer);
  await client.until(() => client.of("s").view.version === 2);
  // Somebody had asked the workflow before the turn ended, and puts that answer into a log which has lost everything since.
  await use.fixture.forget(key);
  await writer.log.putSnapshot(key, before);
  await writer.log.markVerified(key, (await writer.log.verification(key)).replicationId);
  await client.until(() => client.of("s").frames.filter(({ type }) => type === "snapshot").length === 2);
  expect(client.of("s").view).toEqual(writer.snapshot);
  const another = await use.connect(key);
  await another.open("s");
  await another.until(() => another.of("s").last !== undefined);
  expect(another.of("s").view).toEqual(writer.snapshot);
});

test("snap-4: a session whose workflow went back is shown as it is", async () => {
  const { key, writer, client } = await use.firstTurnRead();
  const before = writer.snapshot;
  await writer.turn("two");
  await client.until(() => client.of("s").view.version === 4);
  await use.fixture.hold({ key, epoch: writer.epoch, snapshot: before });
  await use.fixture.forget(key);
  const again = await use.connect(key);
  await again.open("s", { cursor: client.of("s").last, version: 4 });
  await again.until(() => again.of("s").last !== undefined);
  expect(again.of("s").view).toEqual(before);
});

test("chain-3: a version the log never got reaches no reader as a gap, but as a snapshot", async () => {
  const { writer, client } = await use.opened();
  await writer.begin();
  await writer.say("half");
  writer.commitOnly();
  await use.fixture.hold(writer);
  await writer.turn("two");
  await use.fixture.hold(writer);
  await client.until(() => client.of("s").view.version === 4);
  expect(client.of("s").view).toEqual(writer.snapshot);
  expect(client.of("s").breaks).toBe(0);
  for (const { type } of client.of("s").frames) expect(type).not.toBe("resync");
});

test("a turn goes all the way: sent, made durable, applied by a frame", async () => {
  const { key, writer, client } = await use.opened();
  expect(await client.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  await writer.begin({ [`${key.owner}/p`]: 1 });
  await client.until(() => client.of("s").view.applied[`${key.owner}/p`] === 1);
});
