import type { SessionKey } from "@holdfast/contract";
import type { LogFrame } from "@holdfast/internal";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { LogFollower, type SessionLog } from "@holdfast/session-log";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { EncodedFrame } from "../src/encoded-frame.ts";
import type { Feed, FeedReader } from "../src/feed.ts";
import { Feeds, FEEDS_SETTINGS, type FeedsSettings } from "../src/feeds.ts";
import { Snapshots } from "../src/snapshots.ts";
import { Scribe } from "./scribe.ts";
import { Stage } from "./stage.ts";

/** Pub/sub that loses, repeats or holds back what a test tells it to. */
class Unreliable {
  readonly #follower: LogFollower;
  treat: (frame: LogFrame, pass: (frame: LogFrame) => void) => void = (frame, pass) => pass(frame);

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

  push({ frame }: EncodedFrame): void {
    this.ids.push(frame.id);
    this.types.push(frame.type);
  }
  restart(): void {
    this.restarts++;
  }
  wake(): void {
    this.wakes++;
  }
}

let stage: Stage;
let log: SessionLog;
let pubsub: Unreliable;
let snapshots: Snapshots;
const feeds: Feeds[] = [];
const endings: (() => void)[] = [];
beforeAll(async () => {
  stage = await Stage.start();
  await stage.startWorker();
  log = await stage.openLog();
  const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
  const subscriber = connectRedis(stage.valkey.url, silent, "subscriber");
  endings.push(() => subscriber.disconnect());
  pubsub = new Unreliable(new LogFollower(subscriber));
  snapshots = new Snapshots(log, stage.client, {
    maxQueries: 4,
    isDoubtful: () => false,
    probe: { served: () => {}, queried: () => {} },
  });
});
afterEach(async () => {
  pubsub.treat = (frame, pass) => pass(frame);
  for (const one of feeds.splice(0)) await one.close();
});
afterAll(async () => {
  for (const end of endings) end();
  await stage.stop();
});

let sessions = 0;
function newSession(): SessionKey {
  return { tenant: "acme", owner: "ada", name: `f${++sessions}` };
}

async function listen(settings: Partial<FeedsSettings> = {}, key: SessionKey = newSession()) {
  const opened = new Feeds({ log, follower: pubsub, onLag: () => {}, onResync: () => {} }, snapshots, () => {}, {
    ...FEEDS_SETTINGS,
    ...settings,
  });
  feeds.push(opened);
  const feed = opened.acquire(key);
  const listener = await join(feed);
  return { key, feed, listener, scribe: new Scribe(stage, log, key), feeds: opened };
}

async function join(feed: Feed): Promise<Listener> {
  const listener = new Listener();
  feed.enter(listener);
  await feed.ready();
  feed.join(listener);
  return listener;
}

const TURN = ["turn.started", "delta", "delta", "delta", "turn.completed"];
const SOON = { timeout: 20_000 };

test("a frame that pub/sub lost in mid-turn is read from the log when the next one comes", async () => {
  const { listener, scribe } = await listen();
  let seen = 0;
  pubsub.treat = (frame, pass) => {
    if (++seen !== 2 && seen !== 3) pass(frame);
  };
  await scribe.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
});

test("a last frame that pub/sub lost is found by the slow check", async () => {
  const { listener, scribe } = await listen({ checkMs: { first: 20, longest: 40 } });
  pubsub.treat = (frame, pass) => {
    if (frame.type !== "turn.completed") pass(frame);
  };
  await scribe.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
});

test("chain-1: repeated and late frames are pushed to nobody twice", async () => {
  const { listener, scribe } = await listen();
  const held: (() => void)[] = [];
  pubsub.treat = (frame, pass) => {
    if (frame.type === "delta") held.push(() => pass(frame));
    else pass(frame);
    pass(frame);
  };
  await scribe.turn("a", "b", "c");
  await vi.waitFor(() => expect(listener.types).toEqual(TURN), SOON);
  for (const pass of held) pass();
  await scribe.turn("d", "e", "f");
  await vi.waitFor(() => expect(listener.types).toEqual([...TURN, ...TURN]), SOON);
  expect(new Set(listener.ids).size).toBe(listener.ids.length);
});

test("what is appended while a feed opens is neither lost nor doubled", async () => {
  const { key, scribe, feeds: opened } = await listen();
  await scribe.begin();
  let isWriting = true;
  const writing = (async () => {
    while (isWriting) await scribe.say("x");
  })();
  for (let round = 0; round < 20; round++) {
    const node = new Feeds({ log, follower: pubsub, onLag: () => {}, onResync: () => {} }, snapshots, () => {});
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
  const { key, listener, scribe } = await listen({ checkMs: { first: 20, longest: 40 } });
  await scribe.turn("a");
  await vi.waitFor(() => expect(listener.types).toContain("turn.completed"), SOON);
  await stage.forget(key);
  await vi.waitFor(() => expect(listener.restarts).toBe(1), SOON);
});

test("a running turn that stays silent is compared with the workflow, which may have ended it long ago", async () => {
  const { listener, scribe } = await listen({ checkMs: { first: 20, longest: 40 }, silentTurnMs: 50 });
  await scribe.begin();
  await scribe.say("half");
  scribe.commitOnly();
  await scribe.tellWorkflow();
  await vi.waitFor(() => expect(listener.types.at(-1)).toBe("resync"), SOON);
  expect((await log.head(scribe.key)).version).toBe(2);
});

test("recovery: feeds read on at once, wake their readers, and are verified once", async () => {
  const { feed, key, listener, scribe, feeds: opened } = await listen();
  await scribe.begin();
  await scribe.say("half");
  scribe.commitOnly();
  await scribe.tellWorkflow();
  expect((await log.verification(key)).verified).toBe(false);
  opened.recover();
  await vi.waitFor(async () => expect((await log.verification(key)).verified).toBe(true), SOON);
  await vi.waitFor(() => expect(listener.types.at(-1)).toBe("resync"), SOON);
  expect(listener.wakes).toBeGreaterThan(0);
  opened.verify(feed);
  expect((await snapshots.read(key, "echo")).snapshot).toEqual(scribe.snapshot);
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
  const { key, feed, feeds: opened } = await listen({ lingerMs: 1 });
  feed.backlog.add("p", { seq: 1, bytes: 100 });
  opened.release(feed);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(opened.acquire(key)).toBe(feed);
  opened.release(feed);
  feed.backlog.apply({ p: 1 });
  await vi.waitFor(() => expect(opened.size).toBe(0));
});

test("send-7: what was sent again after its turn keeps no feed waiting for another one", async () => {
  const { feed, scribe, feeds: opened } = await listen({ lingerMs: 20 });
  await scribe.begin({ "ann/p": 1 });
  await scribe.end();
  await scribe.tellWorkflow();
  await vi.waitFor(() => expect(feed.isTurnRunning).toBe(false), SOON);
  await opened.close();
  const later = await listen({ lingerMs: 20 }, scribe.key);
  later.feed.backlog.add("ann/p", { seq: 1, bytes: 100 });
  later.feeds.release(later.feed);
  await vi.waitFor(() => expect(later.feeds.size).toBe(0), SOON);
});

test("a feed without readers is not kept for ever for inputs whose turns it hears nothing of", async () => {
  const { feed, feeds: opened } = await listen({ lingerMs: 1, backlogLingerMs: 20 });
  feed.backlog.add("p", { seq: 1, bytes: 100 });
  opened.release(feed);
  await vi.waitFor(() => expect(opened.size).toBe(0));
});

test("recovery: however often Redis goes and comes back, a feed recovers once at a time, and once more after the last", async () => {
  const { key, scribe, feeds: opened } = await listen();
  await scribe.turn("one");
  await scribe.tellWorkflow();
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
