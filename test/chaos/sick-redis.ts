import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { Redis } from "ioredis";
import { randomFrom } from "../kit/statistics.ts";
import { until } from "../kit/wait.ts";

const EVERY_MS = 250;
/** A bound on a hang. */
const UNDO_MS = 180_000;

interface Refusal {
  begin(redis: Redis): Promise<unknown>;
  end(redis: Redis): Promise<unknown>;
}

/** Ways in which a server comes to refuse writes that answers reads. */
const REFUSALS: readonly Refusal[] = [
  {
    begin: (redis) => redis.config("SET", "min-replicas-to-write", "1"),
    end: (redis) => redis.config("SET", "min-replicas-to-write", "0"),
  },
  {
    begin: (redis) => redis.config("SET", "maxmemory", "1"),
    end: (redis) => redis.config("SET", "maxmemory", "0"),
  },
  // A replica of nobody keeps what it has.
  { begin: (redis) => redis.replicaof("127.0.0.1", "1"), end: (redis) => redis.replicaof("NO", "ONE") },
  {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "-@write"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "+@all"),
  },
];

export async function refuseWrites(url: string, holdMs: number, pick: number, onBlow: () => void): Promise<void> {
  const refusal = REFUSALS[Math.floor(pick * REFUSALS.length)];
  if (refusal === undefined) throw new Error("There is no such refusal.");
  const redis = surgeon(url);
  try {
    onBlow();
    await refusal.begin(redis);
    await sleep(holdMs);
    // Other faults strike the server too: whatever keeps this from being undone ends.
    await until("writes are taken again", async () => (await refusal.end(redis), true), UNDO_MS, EVERY_MS);
  } finally {
    redis.disconnect();
  }
}

const PARTS = ["log", "head", "text", "turns", "state", "applied"] as const;
/** While it lasts: again and again a random part of what each session has is gone, or is something else. */
export async function loseKeys(
  url: string,
  sessions: readonly SessionKey[],
  holdMs: number,
  pick: number,
  onBlow: () => void,
): Promise<void> {
  const random = randomFrom(Math.floor(pick * 2 ** 32));
  const redis = surgeon(url);
  try {
    onBlow();
    for (let leftMs = holdMs; leftMs > 0; leftMs -= EVERY_MS) {
      for (const session of sessions) await wound(redis, session, random).catch(() => undefined);
      await sleep(EVERY_MS);
    }
  } finally {
    redis.disconnect();
  }
}

async function wound(redis: Redis, session: SessionKey, random: () => number): Promise<void> {
  const names = PARTS.map((part) => `hf:{${sessionPath(session)}}:${part}`);
  const how = random();
  // Mostly a few of them, now and then all.
  const share = how < 0.1 ? 1 : 0.3;
  for (const name of names.filter(() => random() < share)) {
    if (how < 0.7) await redis.del(name);
    else if (how < 0.8) await redis.expire(name, 0);
    else if (how < 0.9) await redis.set(name, "garbage");
    else await replaced(redis, name);
  }
}

async function replaced(redis: Redis, name: string): Promise<void> {
  await redis.del(name);
  await redis.sadd(name, "garbage");
}

/** Gives up where Valkey is away: then there is nothing to be done to it. */
function surgeon(url: string): Redis {
  const redis = new Redis(url, { commandTimeout: 5_000 });
  redis.on("error", () => undefined);
  return redis;
}
