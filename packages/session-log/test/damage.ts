import type { SessionKey } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import { keysOf } from "../src/keys.ts";

/** The keys that hold something; the last is a channel. */
const KEYS = 8;

/** Single keys of a session are gone: an eviction, an expiry, an operator. `n` says which. */
export async function loseKeys(connection: RedisConnection, key: SessionKey, n: number): Promise<void> {
  const which = 1 + (n % (2 ** KEYS - 1));
  const names = keysOf(key).filter((_, i) => ((which >> i) & 1) === 1);
  await connection.del(...names.slice(0, KEYS));
}

/** Under the name of one of a session's keys there is something nobody here wrote, or less than there was. */
export async function damage(connection: RedisConnection, key: SessionKey, n: number): Promise<void> {
  const [log = "", head = "", parts = "", text = "", steps = "", turns = "", state = "", applied = ""] = keysOf(key);
  const wounds: (() => Promise<unknown>)[] = [
    ...[log, head, parts, text, steps, turns, state, applied].flatMap((name) => [
      () => connection.set(name, "garbage"),
      () => connection.set(name, ""),
      async () => {
        await connection.del(name);
        await connection.sadd(name, "garbage");
      },
      () => connection.expire(name, 0),
    ]),
    () => unlessOther(connection.xadd(log, "*", "garbage", "1")),
    () => unlessOther(connection.xtrim(log, "MAXLEN", 1)),
    async () => {
      const entries = await unlessOther(connection.xrevrange(log, "+", "-", "COUNT", 2));
      for (const [id] of entries ?? []) await connection.xdel(log, id);
    },
    () => unlessOther(connection.lpop(turns)),
    () => unlessOther(connection.rpush(turns, "{")),
    () => unlessOther(connection.lset(turns, -1, "{")),
    ...[parts, steps].flatMap((list) => [
      () => unlessOther(connection.lpop(list)),
      () => unlessOther(connection.rpush(list, "{")),
      () => unlessOther(connection.lset(list, -1, "{")),
    ]),
    () => unlessOther(connection.append(text, "garbage")),
    () => unlessOther(connection.hset(applied, "garbage", "x")),
    () => unlessOther(connection.hdel(head, "id")),
    () => unlessOther(connection.hdel(head, "version", "turn")),
    () => unlessOther(connection.hdel(head, "agent", "inputs")),
    () => unlessOther(connection.hdel(head, "origin")),
    () => unlessOther(connection.hdel(head, "questions")),
    () => unlessOther(connection.hset(head, "index", "many", "textBytes", "-1")),
    () => unlessOther(connection.hset(head, "id", "garbage")),
  ];
  await wounds[n % wounds.length]?.();
}

/** Undefined where the key is already of another type, or has no such element. */
async function unlessOther<T>(done: Promise<T>): Promise<T | undefined> {
  return done.catch(() => undefined);
}
