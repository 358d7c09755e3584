import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, markOf, type SessionKey } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { startValkey } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { printJson, say } from "../report/report.ts";

export interface MemoryOptions {
  sessions: number;
  turns: number;
  /** Characters of an answer, and of one piece of it. */
  length: number;
  piece: number;
  users: number;
}

/** Bytes by the last part of the keys' names. */
type Weight = Record<string, number>;

/** What sessions take in Valkey whose agent talks much: right after an answer, and when they have been silent for a while. */
export async function memory({ sessions, turns, length, piece, users }: MemoryOptions): Promise<number> {
  const server = await startValkey();
  const redis = new Redis(server.url);
  try {
    const log = new SessionLog(redis);
    for (let n = 1; n <= sessions; n++) {
      await talk(log, { tenant: "acme", owner: `user-${n}`, name: "talk" }, { turns, length, piece });
    }
    const talking = await weigh(redis, sessions);
    const silentMs = 1_000 * (LIMITS.logSilentSeconds + 1);
    say(`· ${sessions} sessions of ${turns} turns are written; silent for ${silentMs / 1_000} s`);
    await sleep(silentMs);
    const silent = await weigh(redis, sessions);
    const mebibytes = (weight: Weight): number => Math.round((total(weight) * users) / 2 ** 20);
    say(`a session right after its answer: ${Math.round(total(talking) / 1024)} KiB, ${JSON.stringify(talking)}`);
    say(`a session that has been silent: ${Math.round(total(silent) / 1024)} KiB, ${JSON.stringify(silent)}`);
    say(`${users} users: ${mebibytes(talking)} MiB while all of them talk, ${mebibytes(silent)} MiB while none does`);
    printJson({ sessions, turns, length, piece, users, talking, silent });
    return 0;
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

/** A day of one session. */
async function talk(
  log: SessionLog,
  key: SessionKey,
  { turns, length, piece }: Pick<MemoryOptions, "turns" | "length" | "piece">,
): Promise<void> {
  const text = "Whatever comes to its mind, it says. ".repeat(Math.ceil(length / 37)).slice(0, length);
  const writer = new LogWriter(log, key, "concierge");
  for (let turn = 1; turn <= turns; turn++) {
    await writer.begin({ [markOf(key.owner, "p")]: turn }, `And what about ${turn}? Tell me all you know of it.`);
    for (let at = 0; at < length; at += piece) await writer.say(text.slice(at, at + piece));
    await writer.end({ messages: turn, mood: 0.2 }, [{ op: "replace", path: "/messages", value: turn }]);
  }
}

/** Of one session, on average. */
async function weigh(redis: Redis, sessions: number): Promise<Weight> {
  const weight: Weight = {};
  for (const name of await redis.keys("hf:*")) {
    const part = name.slice(name.lastIndexOf(":") + 1);
    const bytes = Number(await redis.call("MEMORY", "USAGE", name, "SAMPLES", "0"));
    weight[part] = (weight[part] ?? 0) + bytes / sessions;
  }
  return Object.fromEntries(Object.entries(weight).map(([part, bytes]) => [part, Math.round(bytes)]));
}

function total(weight: Weight): number {
  return Object.values(weight).reduce((sum, bytes) => sum + bytes, 0);
}
