import type { Part, ReasoningPart, SessionKey, Snapshot, Step } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import { expect, test } from "vitest";
import { type Commit, SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import {
  allFrames,
  ended,
  endedAt,
  fence,
  newKey,
  patched,
  running,
  say,
  started,
  stepEnded,
  textPart,
  turnOf,
} from "./story.ts";

const KEYS = ["log", "head", "parts", "text", "steps", "turns", "state", "applied"] as const;
type Key = (typeof KEYS)[number];

const REASONING: ReasoningPart = { type: "reasoning", text: "Which story?" };
const ENDED_STEP: Step = { step: 1, attempt: 1, parts: [textPart("Let me think.")] };

/** What the workflow of `twoTurns` knows: two turns, and a third with one ended step; it does not know what the next one says. */
const TRUTH: Snapshot = {
  version: 6,
  agent: "concierge",
  state: { seen: 2 },
  turns: [1, 2].map((turn) => turnOf(turn, `answer ${turn}`)),
  running: { ...running(3), steps: [ENDED_STEP], step: 2, index: 1 },
  applied: { "ann/tab-1": 3 },
};
const PIECES = ["Once ", "upon ", "a time"] as const;
const WRITER = fence(3, 1, 2);
const HELD: Part[] = [REASONING, textPart(PIECES.join(""))];
/** The numbers of the writer's last write, and of readers' last growing frame. */
const [SEQ, INDEX] = [4, 5];

async function twoTurnsAndAHalf(log: SessionLog, key: SessionKey): Promise<void> {
  for (const turn of [1, 2]) {
    await log.begin(key, fence(turn), started(turn, 2 * turn - 1));
    await log.commit(key, ended(turn, 2 * turn, `answer ${turn}`, { seen: turn }));
  }
  await log.begin(key, fence(3), started(3, 5));
  await say(log, key, fence(3), 1, "Let me think.");
  const place = { step: 1, attempt: 1, index: 1 };
  await log.commit(key, { ...stepEnded(3, 6, place, ENDED_STEP.parts), state: { seen: 2 } });
  await log.begin(key, WRITER, started(3, 5));
  await log.write(key, WRITER, 1, { type: "delta", at: 0, begins: "reasoning", text: REASONING.text });
  await log.write(key, WRITER, 2, { type: "delta", at: 1, begins: "text", text: PIECES[0] });
  for (const [i, text] of PIECES.slice(1).entries()) {
    await log.write(key, WRITER, i + 3, { type: "delta", at: 1, text });
  }
}

/** Something of every other type than the part's own, and its own with nothing of ours in it. */
const GARBAGE: Record<string, (redis: RedisConnection, name: string) => Promise<unknown>> = {
  "a string": (redis, name) => redis.set(name, "garbage"),
  "an empty string": (redis, name) => redis.set(name, ""),
  "a set": (redis, name) => redis.sadd(name, "garbage"),
  "a hash": (redis, name) => redis.hset(name, "garbage", "1"),
  "a list": (redis, name) => redis.rpush(name, "garbage"),
  "a stream": (redis, name) => redis.xadd(name, "*", "garbage", "1"),
};

describeBackends("single keys of a session", (backend) => {
  const open = async (): Promise<{ log: SessionLog; redis: RedisConnection; key: SessionKey }> => {
    const redis = await backend.connect("commands");
    const [log, key] = [new SessionLog(redis), newKey()];
    await twoTurnsAndAHalf(log, key);
    return { log, redis, key };
  };
  const nameOf = (key: SessionKey, name: Key): string => keysOf(key)[KEYS.indexOf(name)] ?? "";

  for (const lost of KEYS) {
    test(`open-3: ${lost} gone: the cache is as good as exact, or cold, and the workflow's snapshot makes it whole`, async () => {
      const { log, redis, key } = await open();
      const { cursor } = await log.head(key);
      await redis.del(nameOf(key, lost));
      const read = await log.snapshot(key);
      if (lost === "log") expect(read).toMatchObject({ outcome: "snapshot", cursor, snapshot: { version: 6 } });
      else expect(read).toMatchObject({ outcome: "cold" });
      expect(await log.snapshotText(key)).toMatchObject({ outcome: read.outcome });

      expect(await log.putSnapshot(key, { epoch: 1, snapshot: TRUTH })).toBe("stored");
      const { snapshot } = { snapshot: undefined, ...(await log.snapshot(key)) };
      const parts = ["parts", "text", "head"].includes(lost) ? [] : HELD;
      expect(snapshot).toEqual({ ...TRUTH, running: { ...TRUTH.running, index: expect.any(Number), parts } });
    });

    test(`turn-4: ${lost} gone in mid-step: the attempt goes on, and nothing of its parts is missing or doubled`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, lost));
      const { outcome } = await log.write(key, WRITER, SEQ + 1, { type: "delta", at: 1, text: ", far away" });
      const parts = [REASONING, textPart(`${PIECES.join("")}, far away`)];
      if (outcome === "gap")
        expect(await log.write(key, WRITER, SEQ + 5, { type: "rewind", parts })).toMatchObject({ outcome: "appended" });
      else expect(outcome).toBe("appended");
      expect(await log.begin(key, fence(3, 2, 2), started(3, 5))).toMatchObject({ outcome: "ok", parts });
    });

    test(`turn-4: ${lost} gone in mid-step: a second attempt is told what readers hold, and not less`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, lost));
      const before = (await log.head(key)).cursor;
      const begun = await log.begin(key, fence(3, 2, 2), started(3, 5), { contextTurns: 5 });
      const isReset = (await types(log, key, before)).includes("resync");
      expect(isReset ? [HELD, []] : [HELD]).toContainEqual(begun.parts);
      // The model's memory: whole, or asked for.
      expect([undefined, TRUTH.turns]).toContainEqual(begun.turns);
      expect([undefined, [ENDED_STEP]]).toContainEqual(begun.steps);
      if (lost === "turns" || lost === "head") expect(begun.turns).toBeUndefined();
      if (lost === "steps" || lost === "head") expect(begun.steps).toBeUndefined();
    });

    test(`end-1: ${lost} gone: the end of the turn brings the parts where readers may not hold them`, async () => {
      const { log, redis, key } = await open();
      const { cursor } = await log.head(key);
      await redis.del(nameOf(key, lost));
      await log.commit(key, lastTurn(INDEX));
      // Without its head the log begins anew.
      const read = await log.read(key, lost === "head" ? "0" : cursor, 10);
      const end = read.outcome === "frames" ? read.frames.at(-1) : undefined;
      const mayHaveLost = ["parts", "text", "head"].includes(lost);
      expect(end).toMatchObject({ type: "turn.ended", ...(mayHaveLost && { parts: HELD }) });
      if (!mayHaveLost) expect(end).not.toHaveProperty("parts");
    });

    test(`chain-3: ${lost} gone: what the workflow commits next is taken, and readers find all of it`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, lost));
      const last = lastTurn(INDEX);
      await log.commit(key, last);
      const turns = [...TRUTH.turns, ...(last.turn === undefined ? [] : [last.turn])];
      const truth: Snapshot = { ...TRUTH, version: 7, state: { seen: 3 }, turns, running: null };
      const read = await log.snapshot(key);
      if (read.outcome === "snapshot") expect(read.snapshot).toEqual(truth);
      else expect(await log.putSnapshot(key, { epoch: 1, snapshot: truth })).toBe("stored");
      expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: truth });
      expect(await log.commit(key, patched(8, { seen: 4 }, []))).toEqual({ outcome: "appended" });
    });

    for (const [what, write] of Object.entries(GARBAGE)) {
      test(`chain-3: ${what} in the place of ${lost}: nothing fails for it, and the workflow's snapshot replaces it`, async () => {
        const { log, redis, key } = await open();
        await redis.del(nameOf(key, lost));
        await write(redis, nameOf(key, lost));
        await log.head(key);
        await log.read(key, "0", 10);
        await log.snapshot(key);
        await log.snapshotText(key);
        await log.held(key, WRITER);
        await log.notice(key, 1, "progress");
        await log.requestStop(key, fence(3));
        await log.write(key, WRITER, SEQ + 1, { type: "delta", at: 1, text: ", far away" });
        const begun = await log.begin(key, fence(3, 2, 2), started(3, 5), { contextTurns: 5 });
        expect(begun.outcome).toBe("ok");
        expect([undefined, TRUTH.turns]).toContainEqual(begun.turns);
        await log.putSnapshot(key, { epoch: 1, snapshot: TRUTH });
        const { running: known, ...rest } = TRUTH;
        expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: rest });
        const parts = [textPart("whole")];
        await log.write(key, fence(3, 2, 2), 99, { type: "rewind", parts });
        expect(await log.snapshot(key)).toMatchObject({
          snapshot: { running: { ...known, attempt: 2, index: expect.any(Number), parts } },
        });
        await log.commit(key, lastTurn(INDEX));
        const { cursor } = await log.head(key);
        await log.commit(key, patched(8, { seen: 4 }, []));
        expect(await log.read(key, cursor, 10)).toMatchObject({ frames: [{ type: "state.patched", version: 8 }] });
      });
    }
  }

  test("open-3: a session of which nothing but a verification is left is not taken for one that never was", async () => {
    const { log, redis, key } = await open();
    await log.markVerified(key, (await log.verification(key)).replicationId);
    await redis.hdel(nameOf(key, "head"), "id");
    expect(await log.snapshot(key)).toMatchObject({ outcome: "cold", verified: false });
    expect(await log.verification(key)).toMatchObject({ verified: false });
  });

  test("chain-1: frames of which one was taken out are not passed on as if they followed each other", async () => {
    const { log, redis, key } = await open();
    const frames = await allFrames(log, key);
    await redis.xdel(nameOf(key, "log"), frames[2]?.id ?? "");
    expect(await log.read(key, frames[0]?.id ?? "", 10)).toEqual({ outcome: "unknown" });
    expect(await log.read(key, frames[2]?.id ?? "", 10)).toMatchObject({ outcome: "frames" });
  });

  async function types(log: SessionLog, key: SessionKey, cursor: string): Promise<string[]> {
    const read = await log.read(key, cursor, 100);
    return read.outcome === "frames" ? read.frames.map(({ type }) => type) : ["resync"];
  }
});

/** The end of the third turn: readers hold the parts of its second step at `index`. */
function lastTurn(index: number): Commit {
  const covers = { step: 2, attempt: 1, parts: HELD };
  const commit = endedAt(3, 7, index, HELD);
  const { frame, turn } = commit;
  if (frame.type !== "turn.ended" || turn === undefined) throw new TypeError("no end of a turn");
  return {
    ...commit,
    frame: { ...frame, ...covers },
    state: { seen: 3 },
    turn: { ...turn, steps: [ENDED_STEP, covers] },
  };
}
