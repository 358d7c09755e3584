import { type SessionKey, sessionPath } from "@holdfast/contract";
import { temporalAt } from "../conformance/temporal.ts";
import type { Stack } from "@holdfast/stack/stack";
import type { Client } from "@temporalio/client";
import { Redis } from "ioredis";
import { openHandles } from "./app-instruments.ts";
import type { Reading } from "./series.ts";

const MB = 1024 * 1024;

export interface HeldKey {
  name: string;
  /** Seconds until it expires; infinite where it never does. */
  ttlSeconds: number;
}

/** What Valkey holds. */
export interface Holdings {
  keys: HeldKey[];
  /** Sharded channels somebody is subscribed to. */
  channels: string[];
  clients: number;
  usedBytes: number;
}

/** Looks into Valkey and Temporal by connections of its own. */
export class ServerInstruments {
  readonly temporal: Client;
  readonly #stack: Stack;
  readonly #redis: Redis;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#redis = new Redis(stack.redisUrl);
    this.temporal = temporalAt(stack.temporalAddress);
  }

  async read(sessions: readonly SessionKey[]): Promise<Reading[]> {
    const { keys, channels, clients, usedBytes } = await this.holdings();
    const isOfSession = belongsTo(sessions);
    const own = keys.filter(isOfSession);
    const empty = keys.filter(isOfEmptySession);
    const immortal = keys.filter(({ ttlSeconds }) => ttlSeconds === Number.POSITIVE_INFINITY);
    const ownBytes = await this.#bytesOf(own);
    const usage = await this.#stack.usage();
    const handles = await openHandles(usage["temporal"]?.pid ?? 0);
    const valkey: [Reading["measure"], number | undefined][] = [
      ["resident memory", (usage["valkey"]?.rssBytes ?? Number.NaN) / MB],
      ["memory beside sessions", (usedBytes - ownBytes) / MB],
      ["memory of sessions", ownBytes / MB],
      ["keys", own.length],
      ["keys of empty sessions", empty.length],
      ["keys beside sessions", keys.length - own.length - empty.length],
      ["keys that never expire", immortal.length],
      ["channels", channels.length],
      ["clients", clients],
    ];
    const temporal: [Reading["measure"], number | undefined][] = [
      ["resident memory with data", (usage["temporal"]?.rssBytes ?? Number.NaN) / MB],
      ["handles", handles],
      ["open workflows", await this.openWorkflows()],
    ];
    return [...readingsOf("valkey", valkey), ...readingsOf("temporal", temporal)];
  }

  async holdings(): Promise<Holdings> {
    const names = await this.#keys();
    const ttls = await this.#all(names, (pipeline, name) => pipeline.ttl(name));
    const channels: unknown = await this.#redis.call("PUBSUB", "SHARDCHANNELS");
    return {
      keys: names.flatMap((name, index) => heldKey(name, ttls[index])),
      channels: Array.isArray(channels) ? channels.map(String) : [],
      clients: await this.#info("clients", "connected_clients"),
      usedBytes: await this.#info("memory", "used_memory"),
    };
  }

  async openWorkflows(): Promise<number> {
    const query = "ExecutionStatus='Running'";
    const { count } = await this.temporal.workflowService.countWorkflowExecutions({ namespace: "default", query });
    return Number(count);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await this.temporal.connection.close();
  }

  async #keys(): Promise<string[]> {
    const found = new Set<string>();
    let cursor = "0";
    do {
      const [next, keys] = await this.#redis.scan(cursor, "COUNT", 1_000);
      for (const key of keys) found.add(key);
      cursor = next;
    } while (cursor !== "0");
    return [...found].toSorted();
  }

  async #bytesOf(keys: readonly HeldKey[]): Promise<number> {
    const names = keys.map(({ name }) => name);
    const sizes = await this.#all(names, (pipeline, key) => pipeline.memory("USAGE", key, "SAMPLES", 0));
    return sizes.reduce<number>((sum, size) => sum + (typeof size === "number" ? size : 0), 0);
  }

  async #all(keys: readonly string[], ask: (pipeline: ReturnType<Redis["pipeline"]>, key: string) => unknown) {
    const pipeline = this.#redis.pipeline();
    for (const key of keys) ask(pipeline, key);
    return ((await pipeline.exec()) ?? []).map(([, answer]) => answer);
  }

  async #info(section: string, field: string): Promise<number> {
    const value = new RegExp(`^${field}:(\\d+)`, "m").exec(await this.#redis.info(section))?.[1];
    if (value === undefined) throw new Error(`Valkey's INFO ${section} has no ${field}.`);
    return Number(value);
  }
}

/** Whether a key is one of the sessions'. */
export function belongsTo(sessions: readonly SessionKey[]): (key: HeldKey) => boolean {
  const prefixes = sessions.map((session) => `hf:{${sessionPath(session)}}:`);
  return ({ name }) => prefixes.some((prefix) => name.startsWith(prefix));
}

/** Whose sessions nobody ever says anything to. */
export const NOBODY = "nobody";

/** The log notes for a quarter of an hour that there is nothing in it. */
export function isOfEmptySession({ name }: HeldKey): boolean {
  return name.includes(`/${NOBODY}/`);
}

/** None where the key has expired between the two questions. */
function heldKey(name: string, ttl: unknown): HeldKey[] {
  if (typeof ttl !== "number" || ttl === -2) return [];
  return [{ name, ttlSeconds: ttl === -1 ? Number.POSITIVE_INFINITY : ttl }];
}

function readingsOf(process: string, values: [Reading["measure"], number | undefined][]): Reading[] {
  return values.flatMap(([measure, value]) => (value === undefined ? [] : [{ process, measure, value }]));
}
