import type { SessionKey } from "@holdfast/contract";
import type { FrameText } from "@holdfast/internal";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { LogFollower, type SessionLog } from "@holdfast/session-log";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Feed, FeedReader } from "../src/read/feed.ts";
import { Feeds, FEEDS_OPTIONS, type FeedsOptions } from "../src/read/feeds.ts";
import type { FramesPacket } from "../src/read/packet.ts";
import { Snapshots } from "../src/read/snapshots.ts";
import { Backlogs } from "../src/send/backlog.ts";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture } from "./fixture.ts";

/** Pub/sub that loses, repeats or holds back what a test tells it to. */
class Unreliable {
  readonly #follower: LogFollower;
  treat: (frame: FrameText, pass: (frame: FrameText) => void) => void = (frame, pass) => pass(frame);

  constructor(follower: LogFollower) {
    this.#follower = follower;
  }

  follow: LogFollower["follow"] = (key, onFrame) => this.#follower.follow(key, (frame) => this.treat(frame, onFrame));
}

/** In step with its feed as soon as that is ready; keeps what it is pushed. */
class Listener implements FeedReader {
  readonly ids: string[] = [];
  readonly types: string[] = [];
  restarts = 0;
  wakes = 0;

  push({ frames }: FramesPacket): void {
    for (const { id, type } of frames) {
      this.ids.push(id);
      this.types.push(type);
    }
  }
  restart(): void {
    this.restarts++;
  }
  wake(): void {
    this.wakes++;
  }
}

let fixture: Fixture;
let log: SessionLog;
let pubsub: Unreliable;
let snapshots: Snapshots;
const feeds: Feeds[] = [];
const endings: (() => void)[] = [];
beforeAll(async () => {
  fixture = await Fixture.start();
  await fixture.startWorker();
  log = await fixture.openLog();
  const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
  const subscriber = connectRedis(fixture.valkey.url, silent, "subscriber");
  endings.push(() => subscriber.disconnect());
  pubsub = new Unreliable(new LogFollower(subscriber));
  snapshots = new Snapshots(log, fixture.temporalClient, {
    maxQueries: 4,
    isDoubtful: () => false,
    metrics: { served: () => {}, queried: () => {} },
  });
});
afterEach(async () => {
  pubsub.treat = (frame, pass) => pass(frame);
  for (const one of feeds.splice(0)) await one.close();
});
afterAll(async () => {
  for (const end of endings) end();
  await fixture.stop();
});

let sessions = 0;
function newSession(): SessionKey {
  return { tenant: "acme", owner: "ada", name: `f${++sessions}` };
}

function newFeeds(backlogs = new Backlogs(), options: Partial<FeedsOptions> = {}): Feeds {
  return new Feeds(
    {
      log,
      follower: pubsub,
      snapshots,
      onApplied: (path, marks) => backlogs.apply(path, marks),
      isAwaited: (path) => backlogs.isAwaited(path),
      onClosed: (path) => backlogs.forget(path),
      onArrival: () => {},
      onResync: () => {},
      onFailure: () => {},
    },
    { ...FEEDS_OPTIONS, ...options },
  );
}

async function listen(options: Partial<FeedsOptions> = {}, key: SessionKey = newSession()) {
  const backlogs = new Backlogs();
  const opened = newFeeds(backlogs, options);
  feeds.push(opened);
  const feed = opened.acquire(key);
  const listener = await join(feed);
  return {
    key,
    feed,
    listener,
    writer: new LogWriter(log, key),
    feeds: opened,
    backlog: backlogs.of(feed.path),
  };
}

async function join(feed: Feed): Promise<Listener> {
  const listener = new Listener();
  feed.enter(listener);
  await feed.ready();
  feed.join(listener);
  return listener;
}

const TURN = ["turn.started", "delta", "delta", "delta", "turn.ended"];
const SOON = { timeout: 20_000 };

test("a frame that pub/sub lost in mid-turn is read from the log when the next one comes", async () => {
  const { listener, writer } = await listen();
  let seen = 0;
  pubsub.treat = (frame, pass) => {
    if (++seen !== 2 && seen !== 3) pass(frame);
  };
  await writer.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
});

test("a last frame that pub/sub lost is found by the slow check", async () => {
  const { listener, writer } = await listen({ checkMs: { first: 20, longest: 40 } });
  pubsub.treat = (frame, pass) => {
    if (frame.type !== "turn.ended") pass(frame);
  };
  await writer.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
});

test("chain-1: repeated and late frames are pushed to nobody twice", async () => {
  const { listener, writer } = await listen();
  const held: (() => void)[] = [];
  pubsub.treat = (frame, pass) => {
    if (frame.type === "delta") held.push(() => pass(frame));
    else pass(frame);
    pass(frame);
  };
  await writer.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
  for (const pass of held) pass();
  await writer.turn("d", "e", "f");
  await vi.waitFor(() => expect(listener.types).toEqual([...TURN, ...TURN]), SOON);
  expect(new Set(listener.ids).size).toBe(listener.ids.length);
});

test("what is appended while a feed opens is neither lost nor doubled", async () => {
  const { key, writer, feeds: opened } = await listen();
  await writer.begin();
  let isWriting = true;
  const writing = (async () => {
    while (isWriting) await writer.say("x");
  })();
  for (let round = 0; round < 20; round++) {
    const node = newFeeds();
    feeds.push(node);
    const feed = node.acquire(key);
    const listener = new Listener();
    feed.enter(listener);
    await feed.ready();
    const from = feed.tail ?? "";
    feed.join(listener);
    await vi.waitFor(() => expect(listener.ids.length).toBeGreaterThan(5), SOON);
    const page = await log.read(key, from, listener.ids.length);
    expect(page.outcome === "frames" && page.frames.map(({ id }) => id).slice(0, 5)).toEqual(listener.ids.slice(0, 5));
    await node.close();
  }
  isWriting = false;
  await writing;
  expect(opened.size).toBe(1);
});

test("a log whose tail was lost sends every reader in step for a snapshot", async () => {
  const { key, listener, writer } = await listen({ checkMs: { first: 20, longest: 40 } });
  await writer.turn("a");
  await vi.waitFor(() => expect(listener.types).toContain("turn.ended"), SOON);
  await fixture.forget(key);
  await vi.waitFor(() => expect(listener.restarts).toBe(1), SOON);
});

test("a running turn that stays silent is compared with the workflow, which may have ended it long ago", async () => {
  const { listener, writer } = await listen({ checkMs: { first: 20, longest: 40 }, silentTurnMs: 50 });
  await writer.begin();
  await writer.say("half");
  writer.commitOnly();
  await fixture.hold(writer);
  await vi.waitFor(() => expect(listener.restarts).toBe(1), SOON);
  expect(listener.types).not.toContain("resync");
  expect((await log.head(writer.key)).version).toBe(2);
});

test("recovery: feeds read on at once, wake their readers, and are verified once", async () => {
  const { feed, key, listener, writer, feeds: opened } = await listen();
  await writer.begin();
  await writer.say("half");
  writer.commitOnly();
  await fixture.hold(writer);
  expect((await log.verification(key)).verified).toBe(false);
  opened.recover();
  await vi.waitFor(async () => expect((await log.verification(key)).verified).toBe(true), SOON);
  await vi.waitFor(() => expect(listener.restarts).toBe(1), SOON);
  expect(listener.types).not.toContain("resync");
  expect(listener.wakes).toBeGreaterThan(0);
  opened.verify(feed);
  expect(JSON.parse((await snapshots.read(key, "echo")).snapshot.json)).toEqual(writer.snapshot);
});

test("a feed nobody reads lingers for whoever comes back, then ends", async () => {
  const { feed, feeds: opened, key } = await listen({ lingerMs: 50 });
  opened.release(feed);
  expect(opened.acquire(key)).toBe(feed);
  opened.release(feed);
  await vi.waitFor(() => expect(opened.size).toBe(0), SOON);
  expect(opened.acquire(key)).not.toBe(feed);
});

test("limit-1: a reader that goes and comes back does not begin with an empty count of what no turn has taken", async () => {
  const { key, feed, feeds: opened, backlog } = await listen({ lingerMs: 1 });
  backlog.add("p", { seq: 1, bytes: 100 });
  opened.release(feed);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(opened.acquire(key)).toBe(feed);
  opened.release(feed);
  backlog.apply({ p: 1 });
  await vi.waitFor(() => expect(opened.size).toBe(0));
});

test("send-7: what was sent again after its turn keeps no feed waiting for another one", async () => {
  const { feed, writer, feeds: opened } = await listen({ lingerMs: 20 });
  await writer.begin({ "ann/p": 1 });
  await writer.end();
  await fixture.hold(writer);
  await vi.waitFor(() => expect(feed.isTurnRunning).toBe(false), SOON);
  await opened.close();
  const later = await listen({ lingerMs: 20 }, writer.key);
  later.backlog.add("ann/p", { seq: 1, bytes: 100 });
  later.feeds.release(later.feed);
  await vi.waitFor(() => expect(later.feeds.size).toBe(0), SOON);
});

test("a feed without readers is not kept for ever for inputs whose turns it hears nothing of", async () => {
  const { feed, feeds: opened, backlog } = await listen({ lingerMs: 1, backlogLingerMs: 20 });
  backlog.add("p", { seq: 1, bytes: 100 });
  opened.release(feed);
  await vi.waitFor(() => expect(opened.size).toBe(0));
});

test("recovery: however often Redis goes and comes back, a feed recovers once at a time, and once more after the last", async () => {
  const { key, writer, feeds: opened } = await listen();
  await writer.turn("one");
  await fixture.hold(writer);
  let [atOnce, most, rounds] = [0, 0, 0];
  const release = Promise.withResolvers<void>();
  const read = vi.spyOn(log, "verification").mockImplementation(async () => {
    most = Math.max(most, ++atOnce);
    rounds++;
    await release.promise;
    atOnce--;
    return { replicationId: "", verified: true };
  });
  for (let times = 0; times < 10; times++) opened.recover();
  await vi.waitFor(() => expect(rounds).toBe(1), SOON);
  release.resolve();
  await vi.waitFor(() => expect(rounds).toBe(2), SOON);
  read.mockRestore();
  expect(most).toBe(1);
  expect((await log.head(key)).version).toBe(2);
});
