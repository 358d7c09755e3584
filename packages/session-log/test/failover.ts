import type { SessionKey } from "@holdfast/contract";
import type { RedisConnection } from "@holdfast/service/redis";
import { keysOf } from "../src/keys.ts";

type Saved = Map<string, Buffer | null>;

/** What a replica has at this moment. */
export async function save(connection: RedisConnection, key: SessionKey): Promise<Saved> {
  const saved: Saved = new Map();
  for (const name of keysOf(key)) saved.set(name, await connection.dumpBuffer(name));
  return saved;
}

/** The session's keys as the replica has them: what a failover to it leaves. */
export async function restore(connection: RedisConnection, key: SessionKey, saved: Saved): Promise<void> {
  await forget(connection, key);
  for (const [name, dump] of saved) if (dump !== null) await connection.restore(name, 0, dump);
}

export async function forget(connection: RedisConnection, key: SessionKey): Promise<void> {
  await connection.del(...keysOf(key));
}
