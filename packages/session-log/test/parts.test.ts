import type { SessionKey, Snapshot } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import { allFrames, ended, fence, inputOf, newKey, patched, rewind, say, started } from "./story.ts";

const PARTS = ["log", "head", "text", "turns", "state", "applied"] as const;
type Part = (typeof PARTS)[number];

/** What the workflow of `twoTurns` knows: two turns, and a third of which it does not know the text. */
const TRUTH: Snapshot = {
  version: 5,
  agent: "concierge",
  state: { seen: 2 },
  turns: [1, 2].map((turn) => ({
    turn,
    inputs: [inputOf(turn)],
    outcome: "completed",
    finish: "stop",
    text: `answer ${turn}`,
  })),
  running: { turn: 3, inputs: [inputOf(3)], step: 1, attempt: 1, index: 0, text: "" },
  applied: { "ann/tab-1": 3 },
};
const PIECES = ["Once ", "upon ", "a time"];

async function twoTurnsAndAHalf(log: SessionLog, key: SessionKey): Promise<void> {
  for (const turn of [1, 2]) {
    await log.begin(key, fence(turn), started(turn, 2 * turn - 1));
    await log.commit(key, ended(turn, 2 * turn, `answer ${turn}`, { seen: turn }));
  }
  await log.begin(key, fence(3), started(3, 5));
  for (const [i, piece] of PIECES.entries()) await say(log, key, fence(3), i + 1, piece);
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

describeBackends("parts of a session", (backend) => {
  const open = async (): Promise<{ log: SessionLog; redis: RedisConnection; key: SessionKey }> => {
    const redis = await backend.connect("commands");
    const [log, key] = [new SessionLog(redis), newKey()];
    await twoTurnsAndAHalf(log, key);
    return { log, redis, key };
  };
  const nameOf = (key: SessionKey, part: Part): string => keysOf(key)[PARTS.indexOf(part)] ?? "";

  for (const part of PARTS) {
    test(`open-3: ${part} gone: the cache is as good as exact, or cold, and the workflow's snapshot makes it whole`, async () => {
      const { log, redis, key } = await open();
      const { cursor } = await log.head(key);
      await redis.del(nameOf(key, part));
      const read = await log.snapshot(key);
      if (part === "log") expect(read).toMatchObject({ outcome: "snapshot", cursor, snapshot: { version: 5 } });
      else expect(read).toMatchObject({ outcome: "cold" });

      expect(await log.putSnapshot(key, { epoch: 1, snapshot: TRUTH })).toBe("stored");
      const { snapshot } = { snapshot: undefined, ...(await log.snapshot(key)) };
      const held = part === "text" || part === "head" ? "" : PIECES.join("");
      expect(snapshot).toMatchObject({
        ...TRUTH,
        running: { ...TRUTH.running, index: expect.any(Number), text: held },
      });
    });

    test(`turn-4: ${part} gone in mid-turn: the attempt goes on, and nothing of its text is missing or doubled`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, part));
      const { outcome, index } = await say(log, key, fence(3), 4, ", far away");
      const whole = `${PIECES.join("")}, far away`;
      if (outcome === "gap")
        expect(await rewind(log, key, fence(3), index + 5, whole)).toMatchObject({ outcome: "appended" });
      else expect(outcome).toBe("appended");
      expect(await log.begin(key, fence(3, 2), started(3, 5))).toMatchObject({ outcome: "ok", text: whole });
    });

    test(`turn-4: ${part} gone in mid-turn: a second attempt is told what readers hold, and not less`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, part));
      const before = (await log.head(key)).cursor;
      const begun = await log.begin(key, fence(3, 2), started(3, 5), { contextTurns: 5 });
      const isTold = begun.text === PIECES.join("");
      const isReset = begun.text === "" && (await types(log, key, before)).includes("resync");
      expect(isTold || isReset).toBe(true);
      // The model's memory: whole, or asked for.
      expect([undefined, TRUTH.turns]).toContainEqual(begun.turns);
      if (part === "turns" || part === "head") expect(begun.turns).toBeUndefined();
    });

    test(`chain-3: ${part} gone: what the workflow commits next is taken, and readers find all of it`, async () => {
      const { log, redis, key } = await open();
      await redis.del(nameOf(key, part));
      await log.commit(key, ended(3, 6, "whole answer", { seen: 3 }));
      const last = {
        turn: 3,
        inputs: [inputOf(3)],
        outcome: "completed" as const,
        finish: "stop" as const,
        text: "whole answer",
      };
      const truth = { ...TRUTH, version: 6, state: { seen: 3 }, turns: [...TRUTH.turns, last], running: null };
      const read = await log.snapshot(key);
      if (read.outcome === "snapshot") expect(read.snapshot).toEqual(truth);
      else expect(await log.putSnapshot(key, { epoch: 1, snapshot: truth })).toBe("stored");
      expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: truth });
      expect(await log.commit(key, patched(7, { seen: 4 }, []))).toEqual({ outcome: "appended" });
    });

    for (const [what, write] of Object.entries(GARBAGE)) {
      test(`chain-3: ${what} in the place of ${part}: nothing fails for it, and the workflow's snapshot replaces it`, async () => {
        const { log, redis, key } = await open();
        await redis.del(nameOf(key, part));
        await write(redis, nameOf(key, part));
        await log.head(key);
        await log.read(key, "0", 10);
        await log.snapshot(key);
        await log.requestStop(key, fence(3));
        await say(log, key, fence(3), 4, ", far away");
        const begun = await log.begin(key, fence(3, 2), started(3, 5), { contextTurns: 5 });
        expect(begun.outcome).toBe("ok");
        expect([undefined, TRUTH.turns]).toContainEqual(begun.turns);
        await log.putSnapshot(key, { epoch: 1, snapshot: TRUTH });
        const { running, ...rest } = TRUTH;
        expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: rest });
        await rewind(log, key, fence(3, 2), 99, "whole");
        expect(await log.snapshot(key)).toMatchObject({
          snapshot: { running: { ...running, attempt: 2, index: 99, text: "whole" } },
        });
        await log.commit(key, ended(3, 6, "whole", { seen: 3 }));
        const { cursor } = await log.head(key);
        await log.commit(key, patched(7, { seen: 4 }, []));
        expect(await log.read(key, cursor, 10)).toMatchObject({ frames: [{ type: "state.patched", version: 7 }] });
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
