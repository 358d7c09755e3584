import type { SessionKey } from "@holdfast/contract";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import { forget, restore, save } from "./damage.ts";
import { allFrames, ended, fence, newKey, rewind, running, say, started, textPart } from "./story.ts";

describeBackends("loss", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  async function ids(sessionLog: SessionLog, key: SessionKey): Promise<string[]> {
    return (await allFrames(sessionLog, key)).map(({ id }) => id);
  }

  test("chain-2: no id is given twice, whatever is lost and however often", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    const given: string[] = [];
    for (let round = 1; round <= 20; round++) {
      await sessionLog.begin(key, fence(1), started(1, 1));
      for (let index = 1; index <= 5; index++) await say(sessionLog, key, fence(1), index, "x");
      given.push(...(await ids(sessionLog, key)));
      for (const node of backend.nodes) await node.flushall();
    }
    expect(new Set(given).size).toBe(given.length);
    expect(given).toHaveLength(120);
    expect(await connection.exists(keysOf(key)[1] ?? "")).toBe(0);
  });

  test("chain-2: a replica that lacks the tail and whose clock is behind gives other ids than those lost", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(1), started(1, 1));
    // An id from the future is what a clock that went back looks like.
    const future = `${Date.now() + 3_600_000}-7`;
    await connection.hset(keysOf(key)[1] ?? "", "id", future);
    const saved = await save(connection, key);
    const given: string[] = [];
    for (let round = 1; round <= 20; round++) {
      for (let index = 1; index <= 5; index++) await say(sessionLog, key, fence(1), index, "x");
      const read = await sessionLog.read(key, future, 10);
      const frames = read.outcome === "frames" ? read.frames : [];
      expect(frames.map(({ prev }) => prev)).toEqual([future, ...frames.slice(0, -1).map(({ id }) => id)]);
      given.push(...frames.map(({ id }) => id));
      await restore(connection, key, saved);
    }
    expect(new Set(given).size).toBe(100);
  });

  test("chain-2: what a later millisecond brings is random, too: a server that lost it and has the same time gives another id", async () => {
    const sessionLog = await log();
    const firsts = Array.from({ length: 20 }, async () => {
      const key = newKey();
      await sessionLog.begin(key, fence(1), started(1, 1));
      const [id = ""] = await ids(sessionLog, key);
      return id.split("-")[1];
    });
    expect(new Set(await Promise.all(firsts)).size).toBe(20);
  });

  test("chain-2: ids ascend past the largest number within a millisecond", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(1), started(1, 1));
    const ms = Date.now() + 3_600_000;
    const largest = `${ms}-${2 ** 52 - 1}`;
    await connection.hset(keysOf(key)[1] ?? "", "id", largest);
    for (let index = 1; index <= 3; index++) await say(sessionLog, key, fence(1), index, "x");
    const later = await sessionLog.read(key, largest, 10);
    expect(later.outcome === "frames" && later.frames.map(({ id }) => Number(id.split("-")[0]))).toEqual([
      ms + 1,
      ms + 1,
      ms + 1,
    ]);
  });

  test("chain-3: after losing the tail, what follows does not join, and the lost cursor is unknown", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "a");
    const saved = await save(connection, key);
    await say(sessionLog, key, fence(1), 2, "b");
    const lost = (await sessionLog.head(key)).cursor;
    await restore(connection, key, saved);
    expect(await say(sessionLog, key, fence(1), 3, "c")).toMatchObject({ outcome: "gap", index: 1 });
    expect(await rewind(sessionLog, key, fence(1), 3, "abc")).toMatchObject({ outcome: "appended" });
    expect(await sessionLog.read(key, lost, 10)).toEqual({ outcome: "unknown" });
    expect((await allFrames(sessionLog, key)).at(-1)?.prev).not.toBe(lost);
    expect(await sessionLog.snapshot(key)).toMatchObject({
      snapshot: { running: { parts: [textPart("abc")], index: 2 } },
    });
  });

  test("chain-3: a log lost in mid-turn begins with a resync, is cold, and takes the turn's end", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(2), started(2, 3));
    await forget(connection, key);
    expect(await say(sessionLog, key, fence(2), 4, "d")).toMatchObject({ outcome: "gap" });
    expect(await sessionLog.commit(key, ended(2, 4, "abcd"))).toEqual({ outcome: "gap" });
    expect((await allFrames(sessionLog, key)).map(({ type }) => type)).toEqual(["resync", "turn.ended"]);
    expect(await sessionLog.head(key)).toMatchObject({ version: 4, cold: true, turn: 0 });
    expect(await say(sessionLog, key, fence(2), 4, "d")).toMatchObject({ outcome: "stale" });
  });

  test("turn-4: keys that outlived their head are not mixed into a new log", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "old");
    await sessionLog.commit(key, ended(1, 2, "old", { old: true }));
    await connection.del(keysOf(key)[1] ?? "");
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await sessionLog.snapshot(key)).toMatchObject({ snapshot: { state: {}, turns: [], running: running(1) } });
  });
});
