import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, markOf, type SessionKey } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { startValkey } from "@holdfast/stack/servers";
import { withUndo } from "@holdfast/test/kit/fixture";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { kibibytes, mebibytes } from "@holdfast/test/kit/report";
import { sum } from "@holdfast/test/kit/statistics";
import { Redis } from "ioredis";
import { printJson, say } from "../report/report.ts";

export interface MemoryOptions {
  sessions: number;
  turns: number;
  /** Characters of an answer, and of one piece of it. */
  length: number;
  piece: number;
  users: number;
}

/** What sessions take in Valkey whose agent talks much: right after an answer, and when they have been silent for a while. */
export async function memory(options: MemoryOptions): Promise<number> {
  const { sessions, turns, users } = options;
  const { close } = await withUndo(async (undo) => {
    const server = await startValkey();
    undo(() => server.stop());
    const redis = new Redis(server.url);
    undo(() => redis.disconnect());
    const log = new SessionLog(redis);
    for (let n = 1; n <= sessions; n++) await talk(log, { tenant: "acme", owner: `user-${n}`, name: "talk" }, options);
    const talking = await weigh(redis, sessions);
    const silentMs = 1_000 * (LIMITS.logSilentSeconds + 1);
    say(`· ${sessions} sessions of ${turns} turns are written; silent for ${silentMs / 1_000} s`);
    await sleep(silentMs);
    const silent = await weigh(redis, sessions);
    say(`a session right after its answer: ${kibibytes(total(talking))} KiB, ${JSON.stringify(talking)}`);
    say(`a session that has been silent: ${kibibytes(total(silent))} KiB, ${JSON.stringify(silent)}`);
    const [whileTalking, whileSilent] = [mebibytes(total(talking) * users), mebibytes(total(silent) * users)];
    say(`${users} users: ${whileTalking} MiB while all of them talk, ${whileSilent} MiB while none does`);
    printJson({ ...options, talking, silent });
    return {};
  });
  await close();
  return 0;
}

/** A day of one session. */
async function talk(log: SessionLog, key: SessionKey, { turns, length, piece }: MemoryOptions): Promise<void> {
  const text = "Whatever comes to its mind, it says. ".repeat(Math.ceil(length / 37)).slice(0, length);
  const writer = new LogWriter(log, key, "concierge");
  for (let turn = 1; turn <= turns; turn++) {
    await writer.begin({ [markOf(key.owner, "p")]: turn }, `And what about ${turn}? Tell me all you know of it.`);
    for (let at = 0; at < length; at += piece) await writer.say(text.slice(at, at + piece));
    await writer.end({ messages: turn, mood: 0.2 }, [{ op: "replace", path: "/messages", value: turn }]);
  }
}

/** Bytes of one session on average, by the last part of the keys' names. */
async function weigh(redis: Redis, sessions: number): Promise<Record<string, number>> {
  const weight: Record<string, number> = {};
  for (const name of await redis.keys("hf:*")) {
    const part = name.slice(name.lastIndexOf(":") + 1);
    const bytes = Number(await redis.call("MEMORY", "USAGE", name, "SAMPLES", "0"));
    weight[part] = (weight[part] ?? 0) + bytes / sessions;
  }
  return Object.fromEntries(Object.entries(weight).map(([part, bytes]) => [part, Math.round(bytes)]));
}

function total(weight: Record<string, number>): number {
  return sum(Object.values(weight), (bytes) => bytes);
}
