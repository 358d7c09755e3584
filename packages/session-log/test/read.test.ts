import { LIMITS, type SessionKey } from "@holdfast/contract";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import {
  allFrames,
  ended,
  fence,
  inputOf,
  joined,
  newKey,
  patched,
  rewind,
  say,
  started,
  stepEnded,
  textPart,
  waiting,
} from "./story.ts";

describeBackends("read", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  async function withDeltas(sessionLog: SessionLog, key: SessionKey, deltas: number): Promise<void> {
    await sessionLog.begin(key, fence(1), started(1, 1));
    const write = (index: number) => say(sessionLog, key, fence(1), index, `${index} `);
    for (let i = 1; i <= deltas; i += 100) {
      await Promise.all(Array.from({ length: Math.min(100, deltas + 1 - i) }, (_, n) => write(i + n)));
    }
  }

  test("open-2: pages from a cursor join without a gap, and say whether there is more", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await withDeltas(sessionLog, key, 9);
    const frames = await allFrames(sessionLog, key);
    let cursor = "0";
    const pages: number[] = [];
    for (let more = true; more;) {
      const page = await sessionLog.read(key, cursor, 4);
      if (page.outcome === "unknown") throw new Error("unknown");
      for (const frame of page.frames) {
        expect(frame).toEqual(frames[frames.findIndex(({ prev }) => prev === cursor)]);
        cursor = frame.id;
      }
      pages.push(page.frames.length);
      more = page.more;
    }
    expect(pages).toEqual([4, 4, 2]);
    expect(cursor).toBe(frames.at(-1)?.id);
    expect(await sessionLog.read(key, cursor, 4)).toEqual({ outcome: "frames", frames: [], more: false });
  });

  test("open-7: a page has a bound in bytes: large frames make it short, and none is too large for one", async () => {
    const [sessionLog, key] = [new SessionLog(await backend.connect("commands"), { bytes: 2 ** 20 }), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    const lengths = [50_000, 50_000, 50_000, 50_000, 300_000, 10, 10];
    for (const [index, length] of lengths.entries()) {
      await say(sessionLog, key, fence(1), index + 1, "x".repeat(length));
    }
    const pages: number[][] = [];
    let cursor = "0";
    for (let more = true; more;) {
      const page = await sessionLog.read(key, cursor, 100, 128 * 1024);
      if (page.outcome === "unknown") throw new Error("unknown");
      pages.push(page.frames.flatMap((frame) => (frame.type === "delta" ? [frame.text.length] : [])));
      cursor = page.frames.at(-1)?.id ?? cursor;
      more = page.more;
    }
    expect(pages).toEqual([
      [50_000, 50_000, 50_000],
      [50_000, 300_000],
      [10, 10],
    ]);
  });

  test("open-3: a cursor the log does not have is unknown, whatever it looks like", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await withDeltas(sessionLog, key, 3);
    const { cursor } = await sessionLog.head(key);
    const foreign = [
      "1-1",
      `${cursor}1`,
      "9999999999999-1",
      "99999999999999999999-0",
      "-",
      "+",
      "$",
      "(",
      "x",
      "5",
      "0-0",
    ];
    for (const text of [...foreign, `(${cursor}`, `0${cursor}`, cursor.replace("-", "-0")]) {
      expect(await sessionLog.read(key, text, 10)).toEqual({ outcome: "unknown" });
    }
    expect(await sessionLog.read(newKey(), cursor, 10)).toEqual({ outcome: "unknown" });
  });

  test('chain-2: "0" is before the first frame, and known while the log was not trimmed', async () => {
    const [sessionLog, key] = [await log(), newKey()];
    expect(await sessionLog.read(key, "0", 10)).toEqual({ outcome: "frames", frames: [], more: false });
    expect(await sessionLog.head(key)).toEqual({ cursor: "0", epoch: 0, version: 0, cold: true, turn: 0, index: 0 });
    await withDeltas(sessionLog, key, 1);
    expect(await allFrames(sessionLog, key)).toHaveLength(2);
  });

  test("limit-1: the log keeps exactly logFrames; a cursor that was trimmed is unknown, a newer one is not", async () => {
    const connection = await backend.connect("commands");
    const [sessionLog, key] = [new SessionLog(connection, { bytes: 2 ** 24 }), newKey()];
    await withDeltas(sessionLog, key, LIMITS.logFrames - 1);
    const frames = await allFrames(sessionLog, key);
    expect(frames).toHaveLength(LIMITS.logFrames);
    for (let more = 0; more < 3; more++) await say(sessionLog, key, fence(1), LIMITS.logFrames + more, "more");
    expect(await connection.xlen(keysOf(key)[0] ?? "")).toBe(LIMITS.logFrames);
    expect(await sessionLog.read(key, "0", 10)).toEqual({ outcome: "unknown" });
    expect(await sessionLog.read(key, frames[1]?.id ?? "", 10)).toEqual({ outcome: "unknown" });
    // Its own frame is gone, and none after it.
    expect(await sessionLog.read(key, frames[2]?.id ?? "", 10)).toMatchObject({ outcome: "frames", more: true });
    expect(await sessionLog.read(key, frames[3]?.id ?? "", 10)).toMatchObject({ outcome: "frames", more: true });
  });

  test("limit-1: what tells a session's state expires together, after each kind of write; its frames before", async () => {
    const sessionLog = await log();
    const connection = await backend.connect("commands");
    const place = { step: 1, attempt: 1, index: 99 };
    const writes: ((key: SessionKey) => Promise<unknown>)[] = [
      (key) => sessionLog.begin(key, fence(1), started(1, 1)),
      (key) => say(sessionLog, key, fence(1), 1, "a"),
      (key) => sessionLog.write(key, fence(1), 2, { type: "delta", at: 1, begins: "reasoning", text: "b" }),
      (key) => sessionLog.write(key, fence(1), 3, { type: "part", at: 2, part: { type: "source", title: "c" } }),
      (key) => sessionLog.write(key, fence(1), 4, { type: "part", at: 0, part: textPart("d") }),
      (key) => rewind(sessionLog, key, fence(1), 5, "b"),
      (key) => sessionLog.commit(key, stepEnded(1, 2, place, [textPart("b")])),
      (key) => sessionLog.notice(key, 1, "progress", { done: 0.5 }),
      (key) => sessionLog.commit(key, joined(1, 3, [inputOf(2)], { "ann/tab-1": 2 })),
      (key) => sessionLog.commit(key, waiting(1, 4, [])),
      (key) => sessionLog.commit(key, patched(5, { a: 1 }, [{ op: "add", path: "/a", value: 1 }])),
      (key) => sessionLog.commit(key, ended(1, 6, "b", { a: 1 })),
      (key) => sessionLog.commit(key, patched(8, { a: 2 }, [])),
      (key) => sessionLog.requestStop(key, fence(2)),
      (key) =>
        sessionLog.putSnapshot(key, {
          epoch: 1,
          snapshot: { version: 9, agent: "a", state: {}, turns: [], running: null, applied: { "ann/p": 1 } },
        }),
    ];
    const seen = new Set<string>();
    for (const found of ["just written", "short of time", "lost"]) {
      let key = newKey();
      for (const write of writes) {
        const soon = Math.floor(Date.now() / 1_000) + 1_000;
        if (found === "lost") key = newKey();
        if (found === "short of time" && (await sessionLog.head(key)).cursor !== "0") {
          await connection.hset(keysOf(key)[1] ?? "", "expires", soon);
          for (const name of keysOf(key)) await connection.expireat(name, soon);
        }
        await write(key);
        const [frames = "", ...state] = keysOf(key);
        expect(await connection.ttl(frames)).toBeLessThanOrEqual(LIMITS.logSilentSeconds);
        const expiries = new Set<number>();
        for (const name of state) {
          if ((await connection.exists(name)) === 0) continue;
          seen.add(name.slice(name.lastIndexOf(":")));
          expiries.add(await connection.expiretime(name));
        }
        // A write that a lost log refuses leaves nothing behind.
        if (found === "lost" && expiries.size === 0) continue;
        expect([...expiries]).toEqual([expect.any(Number)]);
        expect(Math.min(...expiries)).toBeGreaterThan(soon - 1_000 + LIMITS.logTtlSeconds - 5);
      }
    }
    expect([...seen].sort()).toEqual([":applied", ":head", ":parts", ":state", ":steps", ":text", ":turns"]);
  });

  test("version-4: frames of a later release are read as they were written, in their place", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await withDeltas(sessionLog, key, 1);
    const before = await sessionLog.head(key);
    const [logKey = "", headKey = ""] = keysOf(key);
    const later = [
      '{"type":"turn.usage","tokens":[1,{}]}',
      '{"type":"delta","turn":1,"step":1,"attempt":1,"index":2,"at":0,"text":"b","hue":{"r":1}}',
    ];
    let last = before.cursor;
    for (const body of later) {
      const id = last.replace(/-.*/, (seq) => `-${Number(seq.slice(1)) + 1}`);
      await connection.xadd(logKey, id, "prev", last, "body", body);
      await connection.hset(headKey, "id", id, "index", 2, "seq", 2);
      last = id;
    }
    await say(sessionLog, key, fence(1), 3, "c");
    const read = await sessionLog.read(key, before.cursor, 10);
    expect(read).toMatchObject({
      outcome: "frames",
      frames: [
        { type: "foreign", prev: before.cursor, whole: { type: "turn.usage", tokens: [1, {}], prev: before.cursor } },
        { type: "delta", index: 2, hue: { r: 1 } },
        { type: "delta", index: 3, prev: last },
      ],
    });
  });

  test("chain-3: an entry that is no frame makes cursors before it unknown and those after it not", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await withDeltas(sessionLog, key, 2);
    const before = await sessionLog.head(key);
    const id = before.cursor.replace(/-.*/, (seq) => `-${Number(seq.slice(1)) + 1}`);
    const [logKey = "", headKey = ""] = keysOf(key);
    await connection.xadd(logKey, id, "prev", before.cursor, "body", '{"type":"delta"}');
    await connection.hset(headKey, "id", id);
    await say(sessionLog, key, fence(1), 3, "c");
    expect(await sessionLog.read(key, before.cursor, 10)).toEqual({ outcome: "unknown" });
    expect(await sessionLog.read(key, id, 10)).toMatchObject({ outcome: "frames", frames: [{ text: "c", prev: id }] });
  });
});
