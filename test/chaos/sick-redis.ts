import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { Redis } from "ioredis";
import { picked, randomFrom } from "../kit/statistics.ts";
import { until } from "../kit/wait.ts";
import type { Aim } from "./faults.ts";

const EVERY_MS = 250;
/** A bound on a hang. */
const UNDO_MS = 180_000;

/** Ways in which a server comes to refuse writes that answers reads, and how each is undone. */
const REFUSALS: readonly Record<"begin" | "end", [command: string, ...args: string[]]>[] = [
  { begin: ["CONFIG", "SET", "min-replicas-to-write", "1"], end: ["CONFIG", "SET", "min-replicas-to-write", "0"] },
  { begin: ["CONFIG", "SET", "maxmemory", "1"], end: ["CONFIG", "SET", "maxmemory", "0"] },
  // A replica of nobody keeps what it has.
  { begin: ["REPLICAOF", "127.0.0.1", "1"], end: ["REPLICAOF", "NO", "ONE"] },
  { begin: ["ACL", "SETUSER", "default", "-@write"], end: ["ACL", "SETUSER", "default", "+@all"] },
];

export function refuseWrites(url: string, { holdMs, pick, onBlow }: Aim): Promise<void> {
  const { begin, end } = picked(REFUSALS, pick);
  return withRedis(url, async (redis) => {
    onBlow();
    await redis.call(...begin);
    await sleep(holdMs);
    // Other faults strike the server too: whatever keeps this from being undone ends.
    await until("writes are taken again", async () => (await redis.call(...end), true), UNDO_MS, EVERY_MS);
  });
}

const PARTS = ["log", "head", "text", "turns", "state", "applied"] as const;

/** While it lasts: again and again a random part of what each session has is gone, or is something else. */
export function loseKeys(url: string, sessions: readonly SessionKey[], { holdMs, pick, onBlow }: Aim): Promise<void> {
  const random = randomFrom(Math.floor(pick * 2 ** 32));
  return withRedis(url, async (redis) => {
    onBlow();
    for (let leftMs = holdMs; leftMs > 0; leftMs -= EVERY_MS) {
      for (const session of sessions) await wound(redis, session, random).catch(() => undefined);
      await sleep(EVERY_MS);
    }
  });
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
    else {
      await redis.del(name);
      await redis.sadd(name, "garbage");
    }
  }
}

/** Gives up where Valkey is away: then there is nothing to be done to it. */
async function withRedis(url: string, act: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(url, { commandTimeout: 5_000 });
  redis.on("error", () => undefined);
  try {
    await act(redis);
  } finally {
    redis.disconnect();
  }
}
