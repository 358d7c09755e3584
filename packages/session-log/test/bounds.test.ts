import { LIMITS, type SessionKey } from "@holdfast/contract";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import { ended, fence, newKey, say, started } from "./story.ts";

describeBackends("bounds", (backend) => {
  const bodies = async (key: SessionKey): Promise<{ id: string; body: string }[]> => {
    const entries = await (await backend.connect("commands")).xrange(keysOf(key)[0] ?? "", "-", "+");
    return entries.map(([id, fields]) => ({ id, body: fields[3] ?? "" }));
  };
  const typesOf = async (key: SessionKey): Promise<string[]> =>
    (await bodies(key)).map(({ body }) => /"type":"([^"]+)"/.exec(body)?.[1] ?? "");

  async function turn(log: SessionLog, key: SessionKey, n: number, pieces = 3): Promise<void> {
    await log.begin(key, fence(n), started(n, 2 * n - 1));
    for (let i = 1; i <= pieces; i++) await say(log, key, fence(n), i, `${i} `);
    await log.commit(key, ended(n, 2 * n, "whole"));
  }

  /** Moves a session's frames into the past, as if nothing had happened for `seconds`. */
  async function age(key: SessionKey, seconds: number): Promise<void> {
    const connection = await backend.connect("commands");
    const [log = "", head = ""] = keysOf(key);
    const back = (id: string): string => id.replace(/^\d+/, (ms) => String(Number(ms) - 1_000 * seconds));
    const entries = await connection.xrange(log, "-", "+");
    await connection.del(log);
    for (const [id, fields] of entries) {
      const [, prev = "", ...rest] = fields;
      await connection.xadd(log, back(id), "prev", prev === "0" ? prev : back(prev), ...rest);
    }
    for (const field of ["id", "fin"]) {
      const id = await connection.hget(head, field);
      if (id) await connection.hset(head, field, back(id));
    }
  }

  test("limit-1: frames are bounded by their bytes, oldest first, and the newest stays whatever it weighs", async () => {
    const [log, key] = [new SessionLog(await backend.connect("commands"), { bytes: 4_096 }), newKey()];
    await log.begin(key, fence(1), started(1, 1));
    for (let i = 1; i <= 100; i++) {
      await say(log, key, fence(1), i, "x".repeat(1 + (i % 7) * 50));
      const kept = await bodies(key);
      const bytes = kept.reduce((sum, { body }) => sum + body.length, 0);
      expect(bytes).toBeLessThanOrEqual(4_096);
      expect(kept.at(-1)?.id).toBe((await log.head(key)).cursor);
    }
    expect((await bodies(key)).length).toBeGreaterThan(5);
    const { cursor } = await log.head(key);
    await say(log, key, fence(1), 101, "y".repeat(20_000));
    expect(await bodies(key)).toHaveLength(1);
    // Nobody is missing anything for it who had the frame before.
    expect(await log.read(key, cursor, 10)).toMatchObject({ frames: [{ type: "delta", index: 101 }] });
    expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { running: { index: 101 } } });
  });

  test("limit-1: bytes are those that are there, whatever has gone by another way", async () => {
    const connection = await backend.connect("commands");
    const [log, key] = [new SessionLog(connection, { bytes: 8_192 }), newKey()];
    await log.begin(key, fence(1), started(1, 1));
    for (let i = 1; i <= 20; i++) await say(log, key, fence(1), i, "x".repeat(200));
    await connection.del(keysOf(key)[0] ?? "");
    for (let i = 21; i <= 40; i++) await say(log, key, fence(1), i, "x".repeat(200));
    expect((await bodies(key)).length).toBe(20);
  });

  test("grow-2: text of an ended turn goes with the end of the next, when that is not a moment ago", async () => {
    const [log, key] = [new SessionLog(await backend.connect("commands")), newKey()];
    await turn(log, key, 1);
    const firstEnd = (await log.head(key)).cursor;
    await turn(log, key, 2);
    // A reader that is a few seconds behind is not sent to a snapshot for it.
    expect(await typesOf(key)).toHaveLength(10);
    await age(key, LIMITS.logEndedSeconds + 1);
    await turn(log, key, 3);
    const types = await typesOf(key);
    expect(types).toEqual(["turn.ended", "turn.started", "delta", "delta", "delta", "turn.ended"]);
    expect(await log.read(key, firstEnd, 100)).toEqual({ outcome: "unknown" });
    expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot: { version: 6 } });
  });

  test("open-2: frames of a silent log go, and whoever has the last of them goes on from it all the same", async () => {
    const connection = await backend.connect("commands");
    const [log, key] = [new SessionLog(connection), newKey()];
    await turn(log, key, 1);
    const name = keysOf(key)[0] ?? "";
    expect(await connection.ttl(name)).toBeLessThanOrEqual(LIMITS.logSilentSeconds);
    await connection.expire(name, 0);
    const { cursor } = await log.head(key);
    expect(await log.read(key, cursor, 10)).toEqual({ outcome: "frames", frames: [], more: false });
    expect(await log.read(key, "0", 10)).toEqual({ outcome: "unknown" });
    expect(await log.snapshot(key)).toMatchObject({ outcome: "snapshot", cursor });
    await turn(log, key, 2);
    expect(await log.read(key, cursor, 10)).toMatchObject({ outcome: "frames", frames: { length: 5 } });
  });
});
