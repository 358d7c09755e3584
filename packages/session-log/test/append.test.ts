import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { describeBackends } from "./backends.ts";
import {
  allFrames,
  ended,
  fence,
  newKey,
  patched,
  rewind,
  say,
  started,
  stepEnded,
  textPart,
  turnOf,
} from "./story.ts";

describeBackends("append", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  test('chain-1: every frame\'s prev is the id of the frame before it, from "0" on', async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "Hello");
    await say(sessionLog, key, fence(1), 2, " world");
    await sessionLog.commit(key, ended(1, 2, "Hello world"));
    const frames = await allFrames(sessionLog, key);
    expect(frames.map(({ type }) => type)).toEqual(["turn.started", "delta", "delta", "turn.ended"]);
    expect(frames.map(({ prev }) => prev)).toEqual(["0", ...frames.slice(0, -1).map(({ id }) => id)]);
    expect(await sessionLog.head(key)).toEqual({
      cursor: frames.at(-1)?.id,
      epoch: 1,
      version: 2,
      cold: false,
      turn: 0,
      index: 0,
    });
  });

  test("frame-2: a version the log has is a duplicate and changes nothing", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await sessionLog.commit(key, ended(1, 2, "a"))).toEqual({ outcome: "appended" });
    const head = await sessionLog.head(key);
    expect(await sessionLog.commit(key, ended(1, 2, "a"))).toEqual({ outcome: "duplicate" });
    expect(await sessionLog.head(key)).toEqual(head);
    expect(await allFrames(sessionLog, key)).toHaveLength(2);
  });

  test("a turn's end with no turns to keep is written like any other, and is kept itself", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await sessionLog.commit(key, { ...ended(1, 2, "a"), keepTurns: 0 })).toEqual({ outcome: "appended" });
    await sessionLog.begin(key, fence(2), started(2, 3));
    expect(await sessionLog.commit(key, { ...ended(2, 4, "b"), keepTurns: 0 })).toEqual({ outcome: "appended" });
    expect(await sessionLog.snapshot(key)).toMatchObject({ snapshot: { version: 4, turns: [turnOf(2, "b")] } });
  });

  test("frame-2: a version above the next is written after a resync, and the cache is cold", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await sessionLog.commit(key, patched(4, { a: 1 }, []))).toEqual({ outcome: "gap" });
    const types = (await allFrames(sessionLog, key)).map(({ type }) => type);
    expect(types).toEqual(["turn.started", "resync", "state.patched"]);
    expect(await sessionLog.head(key)).toMatchObject({ version: 4, cold: true });
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "cold" });
    expect(await sessionLog.begin(key, fence(2), started(2, 5), { contextTurns: 5 })).toMatchObject({
      outcome: "ok",
      turns: undefined,
    });
  });

  test("turn-2: a run that executed a task again is told what it had published, and readers keep it", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    const first = ended(1, 2, "first", { a: 1 }, [{ op: "add", path: "/a", value: 1 }]);
    await sessionLog.commit(key, first);
    const before = await allFrames(sessionLog, key);
    const second = ended(1, 2, "fir", { a: 2 }, [{ op: "add", path: "/a", value: 2 }]);
    expect(await sessionLog.commit(key, second)).toEqual({
      outcome: "shown",
      shown: { type: "turn.ended", state: { a: 1 }, turn: first.turn },
    });
    expect(await sessionLog.commit(key, first)).toEqual({ outcome: "duplicate" });

    const patch = patched(3, { a: 1, b: 1 }, [{ op: "add", path: "/b", value: 1 }]);
    expect(await sessionLog.commit(key, patch)).toEqual({ outcome: "appended" });
    // The same frame, but it leads elsewhere.
    expect(await sessionLog.commit(key, { ...patch, state: { a: 2, b: 1 } })).toEqual({
      outcome: "shown",
      shown: { type: "state.patched", state: { a: 1, b: 1 } },
    });
    expect((await allFrames(sessionLog, key)).slice(0, -1)).toEqual(before);
    expect(await sessionLog.head(key)).toMatchObject({ version: 3, cold: false });
  });

  test("turn-2: other content of another run makes readers resynchronise", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await sessionLog.commit(key, ended(1, 2, "first", { a: 1 }, [{ op: "add", path: "/a", value: 1 }]));
    const second = ended(1, 2, "first", { a: 2 }, [{ op: "add", path: "/a", value: 2 }]);
    expect(await sessionLog.commit(key, { ...second, run: "run-2" })).toEqual({ outcome: "gap" });
    expect(await sessionLog.head(key)).toMatchObject({ version: 2, cold: true });
    expect((await allFrames(sessionLog, key)).map(({ type }) => type)).toContain("resync");
  });

  test("grow-1: frames of one attempt are appended in order, a repeated number is a duplicate, a missing one a gap", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await say(sessionLog, key, fence(1), 1, "a")).toEqual({ outcome: "appended", stop: false, index: 1 });
    expect(await say(sessionLog, key, fence(1), 1, "a")).toEqual({ outcome: "duplicate", stop: false, index: 1 });
    expect(await say(sessionLog, key, fence(1), 3, "c")).toEqual({ outcome: "gap", stop: false, index: 1 });
    expect(await say(sessionLog, key, fence(1), 2, "b")).toMatchObject({ outcome: "appended" });
    expect(await sessionLog.begin(key, fence(1, 2), started(1, 1))).toMatchObject({
      parts: [textPart("ab")],
      index: 2,
      steps: [],
    });
    expect(await allFrames(sessionLog, key)).toHaveLength(3);
  });

  test("grow-2: a superseded attempt's frames are stale, with its begin", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await sessionLog.begin(key, fence(1, 2), started(1, 1));
    expect(await say(sessionLog, key, fence(1), 1, "a")).toMatchObject({ outcome: "stale" });
    expect(await rewind(sessionLog, key, fence(1), 9, "a")).toMatchObject({ outcome: "stale" });
    expect(await sessionLog.begin(key, fence(1), started(1, 1))).toMatchObject({
      outcome: "stale",
      parts: [],
      steps: undefined,
      turns: undefined,
    });
    await sessionLog.commit(key, stepEnded(1, 2, { step: 1, attempt: 2, index: 0 }, []));
    expect(await sessionLog.begin(key, fence(1, 1, 2), started(1, 1))).toMatchObject({ outcome: "ok" });
    expect(await say(sessionLog, key, fence(1, 2), 1, "a")).toMatchObject({ outcome: "stale" });
  });

  test("grow-2: frames of a turn that ended are stale, with its begin", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await sessionLog.commit(key, ended(1, 2, "a"));
    expect(await say(sessionLog, key, fence(1), 1, "a")).toMatchObject({ outcome: "stale" });
    expect(await rewind(sessionLog, key, fence(1, 7), 9, "a")).toMatchObject({ outcome: "stale" });
    expect(await sessionLog.begin(key, fence(1, 8), started(1, 1))).toMatchObject({ outcome: "stale" });
    expect(await allFrames(sessionLog, key)).toHaveLength(2);
  });

  test("grow-3: a frame of a turn the log does not know is a gap", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    expect(await say(sessionLog, key, fence(1), 1, "a")).toEqual({ outcome: "gap", stop: false, index: 0 });
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await say(sessionLog, key, fence(2), 1, "a")).toMatchObject({ outcome: "gap" });
    expect(await allFrames(sessionLog, key)).toHaveLength(1);
  });

  test("turn-4: an attempt whose begin the log lost is not joined to another attempt's parts", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "from attempt 1");
    expect(await say(sessionLog, key, fence(1, 2), 2, "from attempt 2")).toMatchObject({ outcome: "gap" });
    expect(await rewind(sessionLog, key, fence(1, 2), 2, "attempt 2")).toMatchObject({ outcome: "appended", index: 2 });
    expect(await rewind(sessionLog, key, fence(1, 2), 1, "attempt 2")).toMatchObject({
      outcome: "duplicate",
      index: 2,
    });
    expect(await say(sessionLog, key, fence(1), 2, "from attempt 1")).toMatchObject({ outcome: "stale" });
  });

  test("frame-5: rewind replaces the parts, by any number above the last, and repeats as a duplicate", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "garbage");
    expect(await rewind(sessionLog, key, fence(1), 12, "Hello")).toMatchObject({ outcome: "appended", index: 2 });
    expect(await rewind(sessionLog, key, fence(1), 12, "Hello")).toMatchObject({ outcome: "duplicate", index: 2 });
    expect(await say(sessionLog, key, fence(1), 13, "!")).toMatchObject({ outcome: "appended", index: 3 });
    expect(await sessionLog.begin(key, fence(1, 2), started(1, 1))).toMatchObject({
      parts: [textPart("Hello!")],
      index: 3,
    });
  });

  test("frame-5: rewind brings a turn back into an empty log, whose version the next begin repairs", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    expect(await rewind(sessionLog, key, fence(3, 2), 7, "Hello")).toMatchObject({ outcome: "appended" });
    expect(await say(sessionLog, key, fence(3, 2), 8, "!")).toMatchObject({ outcome: "appended" });
    expect(await sessionLog.head(key)).toMatchObject({ version: 0, cold: true, turn: 3 });
    const begun = await sessionLog.begin(key, fence(3, 3), started(3, 5));
    expect(begun).toMatchObject({ outcome: "ok", parts: [textPart("Hello!")], index: 2, steps: undefined });
    expect(begun.turns).toBeUndefined();
    expect(await sessionLog.head(key)).toMatchObject({ version: 5, cold: true, turn: 3 });
    const types = (await allFrames(sessionLog, key)).map(({ type }) => type);
    expect(types).toEqual(["resync", "rewind", "delta", "resync", "turn.started"]);
  });

  test("grow-1: a writer that begins once more goes on by its own numbers, and by those it lost", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await say(sessionLog, key, fence(1), 1, "a");
    await say(sessionLog, key, fence(1), 2, "b");
    // A resend of its own begin, which was overtaken.
    await sessionLog.begin(key, fence(1), started(1, 1), { seq: 0 });
    expect(await say(sessionLog, key, fence(1), 2, "b")).toMatchObject({ outcome: "duplicate" });
    await sessionLog.begin(key, fence(1), started(1, 1), { seq: 7 });
    expect(await say(sessionLog, key, fence(1), 7, "x")).toMatchObject({ outcome: "duplicate" });
    expect(await say(sessionLog, key, fence(1), 8, "c")).toEqual({ outcome: "appended", stop: false, index: 3 });
    expect(await sessionLog.held(key, { epoch: 1, turn: 1 })).toMatchObject({ parts: [textPart("abc")], index: 3 });
  });

  test("command-2: the running attempt sees a requested stop, also one the log was told of before the turn", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.requestStop(key, fence(1));
    expect(await sessionLog.begin(key, fence(1), started(1, 1))).toMatchObject({ outcome: "ok", stop: true });
    expect(await say(sessionLog, key, fence(1), 1, "a")).toMatchObject({ outcome: "appended", stop: true });
    await sessionLog.commit(key, ended(1, 2, "a"));
    expect(await sessionLog.begin(key, fence(2), started(2, 3))).toMatchObject({ outcome: "ok", stop: false });
    await sessionLog.requestStop(key, fence(2));
    expect(await say(sessionLog, key, fence(2), 1, "b")).toMatchObject({ outcome: "appended", stop: true });
  });

  test("begin gives the newest committed turns, oldest first", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    for (let turn = 1; turn <= 5; turn++) {
      await sessionLog.begin(key, fence(turn), started(turn, 2 * turn - 1));
      await sessionLog.commit(key, ended(turn, 2 * turn, `answer ${turn}`));
    }
    const { turns } = await sessionLog.begin(key, fence(6), started(6, 11), { contextTurns: 3 });
    expect(turns).toEqual([3, 4, 5].map((turn) => turnOf(turn, `answer ${turn}`)));
    expect((await sessionLog.begin(key, fence(6, 2), started(6, 11))).turns).toEqual([]);
  });

  test("a server that forgot the scripts gets them again", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    for (const node of backend.nodes) await node.script("FLUSH");
    expect(await say(sessionLog, key, fence(1), 1, "a")).toMatchObject({ outcome: "appended" });
  });
});
