import type { SessionKey } from "@holdfast/contract";
import type { LogFrame } from "@holdfast/internal";
import { expect, test } from "vitest";
import { LogFollower, SessionLog } from "../src/index.ts";
import { feedOf } from "../src/keys.ts";
import { type Backend, describeBackends } from "./backends.ts";
import { allFrames, fence, newKey, say, started, wholeOf } from "./story.ts";

describeBackends("follower", (backend) => {
  async function setUp(): Promise<{ log: SessionLog; follower: LogFollower; errors: unknown[] }> {
    const errors: unknown[] = [];
    const follower = new LogFollower(await backend.connect("subscriber"), (error) => errors.push(error));
    return { log: new SessionLog(await backend.connect("commands")), follower, errors };
  }

  test("chain-1: what is followed is the log, whole and in order", async () => {
    const [{ log, follower }, key, frames] = [await setUp(), newKey(), [] as LogFrame[]];
    const leave = await follower.follow(key, (frame) => frames.push(wholeOf(frame)));
    await log.begin(key, fence(1), started(1, 1));
    await Promise.all(Array.from({ length: 50 }, (_, i) => say(log, key, fence(1), i + 1, `é${i}\u0000`)));
    await log.commit(key, {
      run: "run-1",
      epoch: 1,
      frame: { type: "state.patched", version: 4, patch: [] },
      state: {},
    });
    await expect.poll(() => frames.length).toBe(53);
    expect(frames).toEqual(await allFrames(log, key));
    await leave();
  });

  test("open-3: nothing published after follow resolved is missed", async () => {
    const { log, follower } = await setUp();
    for (let i = 0; i < 50; i++) {
      const [key, frames] = [newKey(), [] as LogFrame[]];
      await follower.follow(key, (frame) => frames.push(wholeOf(frame)));
      await log.begin(key, fence(1), started(1, 1));
      await expect.poll(() => frames.length, { interval: 1 }).toBe(1);
    }
  });

  test("followers of one session share a subscription, which ends with the last of them", async () => {
    const [{ log, follower }, key, seen] = [await setUp(), newKey(), { a: 0, b: 0 }];
    const [leaveA, leaveB] = await Promise.all([
      follower.follow(key, () => seen.a++),
      follower.follow(key, () => seen.b++),
    ]);
    expect(await subscribers(backend, key)).toBe(1);
    await log.begin(key, fence(1), started(1, 1));
    await expect.poll(() => seen).toEqual({ a: 1, b: 1 });
    await leaveA();
    await leaveA();
    await say(log, key, fence(1), 1, "a");
    await expect.poll(() => seen).toEqual({ a: 1, b: 2 });
    expect(await subscribers(backend, key)).toBe(1);
    await leaveB();
    expect(await subscribers(backend, key)).toBe(0);
  });

  test("follow, leave and follow in any order end as the last of them wants", async () => {
    const { log, follower } = await setUp();
    for (let round = 0; round < 20; round++) {
      const [key, frames] = [newKey(), [] as LogFrame[]];
      const leaving: Promise<void>[] = [];
      const following = Array.from({ length: 4 }, async (_, i) => {
        const leave = await follower.follow(key, () => {});
        if (i % 2 === round % 2) await Promise.resolve();
        leaving.push(leave());
      });
      const last = follower.follow(key, (frame) => frames.push(wholeOf(frame)));
      await Promise.all(following);
      const leave = await last;
      await Promise.all(leaving);
      await log.begin(key, fence(1), started(1, 1));
      await expect.poll(() => frames.length, { interval: 1 }).toBe(1);
      const again = leave().then(() => follower.follow(key, (frame) => frames.push(wholeOf(frame))));
      await (
        await again
      )();
      expect(await subscribers(backend, key)).toBe(0);
    }
  });

  test("chain-3: a lost connection is mended, readers are told to read again, and frames flow", async () => {
    const [{ log, follower }, frames] = [await setUp(), new Map<string, number>()];
    const keys = Array.from({ length: 40 }, newKey);
    let interrupted = 0;
    follower.onInterrupted(() => interrupted++);
    for (const key of keys) await follower.follow(key, () => frames.set(key.name, (frames.get(key.name) ?? 0) + 1));
    for (let loss = 1; loss <= 3; loss++) {
      const before = interrupted;
      await killSubscribers(backend);
      await expect.poll(() => interrupted, { timeout: 20_000 }).toBeGreaterThan(before);
      await expect
        .poll(async () => Promise.all(keys.map((key) => subscribers(backend, key))), { timeout: 20_000 })
        .toEqual(keys.map(() => 1));
      for (const key of keys) await log.begin(key, fence(loss), started(loss, loss));
      await expect.poll(() => keys.map((key) => frames.get(key.name))).toEqual(keys.map(() => loss));
    }
  });

  test("connections lost again while subscribing anew reject nothing unseen and are mended in the end", async () => {
    const { log, follower } = await setUp();
    const [keys, seen] = [Array.from({ length: 200 }, newKey), new Set<string>()];
    await Promise.all(keys.map((key) => follower.follow(key, () => seen.add(key.name))));
    for (let loss = 0; loss < 10; loss++) await killSubscribers(backend);
    let version = 0;
    const unseen = async (): Promise<number> => {
      // A frame published before its channel is back is lost to it: each poll publishes another.
      version++;
      const missing = keys.filter(({ name }) => !seen.has(name));
      const body = { type: "state.patched" as const, version, patch: [] };
      await Promise.all(missing.map((key) => log.commit(key, { run: "run-1", epoch: 1, frame: body, state: {} })));
      return missing.length;
    };
    await expect.poll(unseen, { timeout: 30_000 }).toBe(0);
  });

  test("a listener that throws keeps no frame from the others, and what is no frame of any release is reported", async () => {
    const [{ log, follower, errors }, key, frames] = [await setUp(), newKey(), [] as LogFrame[]];
    await follower.follow(key, () => {
      throw new Error("defect");
    });
    await follower.follow(key, (frame) => frames.push(wholeOf(frame)));
    const connection = await backend.connect("commands");
    await connection.spublish(feedOf(key), '{"type":"delta"}');
    await connection.spublish(feedOf(key), "not json");
    await connection.spublish(feedOf(key), '{"type":"turn.usage","id":"1-1","prev":"0"}');
    await log.begin(key, fence(1), started(1, 1));
    await expect.poll(() => frames.length).toBe(2);
    expect(frames.map(({ type }) => type)).toEqual(["foreign", "turn.started"]);
    expect(errors.map(String)).toEqual([
      expect.stringContaining("is not a frame"),
      expect.stringContaining("is not a frame"),
      "Error: defect",
      "Error: defect",
    ]);
  });
});

async function subscribers(backend: Backend, key: SessionKey): Promise<number> {
  const counts = await Promise.all(backend.nodes.map((node) => node.call("PUBSUB", "SHARDNUMSUB", feedOf(key))));
  return counts.reduce<number>((sum, reply) => sum + Number(Array.isArray(reply) ? reply[1] : 0), 0);
}

async function killSubscribers(backend: Backend): Promise<void> {
  for (const node of backend.nodes) await node.call("CLIENT", "KILL", "TYPE", "pubsub");
}
