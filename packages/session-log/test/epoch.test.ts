import { emptySnapshot, type SessionKey } from "@holdfast/contract";
import { expect, test } from "vitest";
import { type Fence, SessionLog } from "../src/index.ts";
import { describeBackends } from "./backends.ts";
import { allFrames, ended, fence, newKey, patched, rewind, running, say, started } from "./story.ts";

const reborn = (turn: number, attempt = 1): Fence => fence(turn, attempt, 1, 2);
const again = { epoch: 2 };

/** Two turns of a session, the second one running, which then begins again: nothing of its next life is written yet. */
async function lifeOf(log: SessionLog, key: SessionKey): Promise<void> {
  await log.begin(key, fence(1), started(1, 1, { applied: { "ann/tab-1": 1, "ann/tab-2": 7 } }));
  await log.commit(key, ended(1, 2, "old answer", { old: true }, [{ op: "add", path: "/old", value: true }]));
  await log.begin(key, fence(2), started(2, 3));
  await say(log, key, fence(2), 1, "old text");
  await log.requestStop(key, fence(2));
}

describeBackends("epoch", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  test("snap-4: the first turn of a session that began again buries the old one, and the cache is exact at once", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    const { cursor } = await sessionLog.head(key);
    expect(await sessionLog.begin(key, reborn(1), started(1, 1), { contextTurns: 5 })).toMatchObject({
      outcome: "ok",
      parts: [],
      index: 0,
      stop: false,
      steps: [],
      turns: [],
    });
    expect(await sessionLog.snapshot(key)).toMatchObject({
      outcome: "snapshot",
      epoch: 2,
      snapshot: { ...emptySnapshot("concierge"), version: 1, running: running(1), applied: { "ann/tab-1": 1 } },
    });
    expect(await sessionLog.read(key, cursor, 10)).toMatchObject({ frames: [{ type: "resync" }, { turn: 1 }] });
    expect(await say(sessionLog, key, reborn(1), 1, "new")).toMatchObject({ outcome: "appended", stop: false });
    expect(await sessionLog.commit(key, { ...ended(1, 2, "new"), ...again })).toEqual({ outcome: "appended" });
  });

  test("chain-1: the chain goes on from the old session's last frame to a resync, for those who follow", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    const { cursor } = await sessionLog.head(key);
    await sessionLog.begin(key, reborn(1), started(1, 1));
    const connection = await backend.connect("commands");
    const entries = await connection.xrange(`hf:{acme/ada/${key.name}}:log`, "-", "+");
    const prevs = entries.map(([, fields]) => fields[1]);
    expect(prevs).toEqual([cursor, entries[0]?.[0]]);
    expect(entries.map(([, fields]) => JSON.parse(fields[3] ?? "").type)).toEqual(["resync", "turn.started"]);
  });

  test("what is left of the old session writes nothing more", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    await sessionLog.begin(key, reborn(1), started(1, 1));
    const head = await sessionLog.head(key);
    expect(await sessionLog.begin(key, fence(2, 2), started(2, 3))).toMatchObject({ outcome: "stale" });
    expect(await say(sessionLog, key, fence(2), 2, "!")).toMatchObject({ outcome: "stale" });
    expect(await rewind(sessionLog, key, fence(3), 9, "!")).toMatchObject({ outcome: "stale" });
    expect(await sessionLog.commit(key, ended(2, 4, "old text!"))).toEqual({ outcome: "duplicate" });
    const snapshot = { ...emptySnapshot("concierge"), version: 9 };
    expect(await sessionLog.putSnapshot(key, { epoch: 1, snapshot })).toBe("older");
    await sessionLog.requestStop(key, fence(1));
    expect(await sessionLog.head(key)).toEqual(head);
    expect(await say(sessionLog, key, reborn(1), 1, "new")).toMatchObject({ outcome: "appended", stop: false });
  });

  test("frame-2: a commit whose turn the log never saw begin leaves the cache cold, like a lost log's", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    expect(await sessionLog.commit(key, { ...patched(1, { a: 1 }, []), ...again })).toEqual({ outcome: "gap" });
    expect(await sessionLog.head(key)).toMatchObject({ epoch: 2, version: 1, cold: true, turn: 0 });
    expect(await sessionLog.begin(key, reborn(1), started(1, 2), { contextTurns: 5 })).toMatchObject({
      outcome: "ok",
      turns: undefined,
    });
  });

  test("snap-4: a snapshot of a session that began again replaces a later version of the old one", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    const snapshot = emptySnapshot("echo");
    expect(await sessionLog.putSnapshot(key, { ...again, snapshot })).toBe("stored");
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "snapshot", epoch: 2, snapshot });
    expect((await sessionLog.head(key)).turn).toBe(0);
  });

  test("grow-3: a delta of the new session finds nothing to add to; its rewind starts over", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    expect(await say(sessionLog, key, reborn(2), 2, "!")).toEqual({ outcome: "gap", stop: false, index: 0 });
    expect(await sessionLog.head(key)).toMatchObject({ epoch: 1, version: 3 });
    expect(await rewind(sessionLog, key, reborn(2), 2, "new")).toEqual({ outcome: "appended", stop: false, index: 1 });
    expect(await sessionLog.head(key)).toMatchObject({ epoch: 2, version: 0, cold: true, turn: 2 });
  });

  test("command-2: a stop the new session asked for before its turn reached the log is seen", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await lifeOf(sessionLog, key);
    await sessionLog.requestStop(key, reborn(1));
    expect(await sessionLog.begin(key, reborn(1), started(1, 1))).toMatchObject({ outcome: "ok", stop: true });
    await sessionLog.requestStop(key, fence(1, 1, 1, 3));
    expect(await sessionLog.begin(key, fence(1, 1, 1, 3), started(1, 1))).toMatchObject({ stop: true, parts: [] });
  });

  test("a session that begins again where the log is gone starts a new one", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.requestStop(key, fence(1));
    expect(await sessionLog.begin(key, reborn(1), started(1, 1))).toMatchObject({ outcome: "ok", stop: false });
    expect((await allFrames(sessionLog, key)).map(({ type }) => type)).toEqual(["turn.started"]);
  });
});
