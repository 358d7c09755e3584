import { readdir } from "node:fs/promises";
import { LIMITS, type SessionKey, sessionPath } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { Redis } from "ioredis";
import { readMetrics, type Samples, valueOf } from "../kit/metrics.ts";
import { sum } from "../kit/statistics.ts";
import { temporalAt, type TemporalClient } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";
import { keptHeap } from "./garbage.ts";
import type { MeasureName, Reading } from "./growth.ts";
import type { KeptHeaps } from "./kept-heaps.ts";

const MB = 2 ** 20;

interface App {
  name: string;
  url: string;
  isEdge: boolean;
}

/** What an edge says of itself. */
const EDGE_GAUGES: readonly [gauge: string, measure: MeasureName, divisor: number][] = [
  ["connections", "connections", 1],
  ["feeds", "feeds", 1],
  ["subscriptions", "subscriptions", 1],
  ["queues", "queues", 1],
  ["waiting_events", "waiting events", 1],
  ["waiting_bytes", "waiting KB", 1024],
  ["outgoing_bytes", "outgoing KB", 1024],
  ["signals_in_flight", "signals in flight", 1],
  ["paused_readers", "paused readers", 1],
];

/** The processes of Holdfast itself. */
function appsOf({ ports }: Stack): App[] {
  const app = (name: string, port: number, isEdge = false): App => ({ name, url: `http://127.0.0.1:${port}`, isEdge });
  const isOne = ports.inference.length === 1;
  return [
    ...ports.edges.map((port, index) => app(`edge-${index + 1}`, port, true)),
    app("orchestrator", ports.orchestrator),
    ...ports.inference.map((port, index) => app(isOne ? "inference" : `inference-${index + 1}`, port)),
  ];
}

/** One process after the other: a collection stops one, and its neighbours need not stand still with it. */
export async function readApps(stack: Stack, heaps: KeptHeaps): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const { name, url, isEdge } of appsOf(stack)) {
    const pid = stack.children().find((child) => child.name === name)?.pid;
    const heap = typeof pid === "number" ? await heaps.of(stack, name, pid) : undefined;
    const metrics = await readMetrics(url);
    const handles = valueOf(metrics, "process_open_fds");
    const of = (metric: string): number => valueOf(metrics, metric) ?? Number.NaN;
    const measured: Measured[] = [
      ["resident memory", of("process_resident_memory_bytes") / MB],
      ["event loop lag, p99", of("nodejs_eventloop_lag_p99_seconds") * 1_000],
    ];
    if (isEdge) {
      measured.push(["kept heap", heap && heap.main / MB]);
      measured.push(["handles", handles && handles - (valueOf(metrics, "holdfast_edge_connections") ?? 0)]);
      measured.push(...edgeGauges(metrics));
    } else {
      measured.push(["kept heap, by turns", heap && heap.main / MB]);
      measured.push(["kept heap of threads, by turns", heap?.threads === 0 ? undefined : heap && heap.threads / MB]);
      measured.push(["handles", handles], ["model calls", valueOf(metrics, "holdfast_model_attempts_running")]);
    }
    readings.push(...readingsOf(name, measured));
  }
  return readings;
}

type Measured = [measure: MeasureName, value: number | undefined];

function readingsOf(process: string, values: readonly Measured[]): Reading[] {
  return values.flatMap(([measure, value]) => (value === undefined ? [] : [{ process, measure, value }]));
}

/** Throws when an edge does not serve one of them: a gauge that is gone must not pass for one that is 0. */
export function edgeGauges(metrics: Samples): [measure: MeasureName, value: number][] {
  return EDGE_GAUGES.map(([gauge, measure, divisor]) => {
    const value = valueOf(metrics, `holdfast_edge_${gauge}`);
    if (value === undefined) throw new Error(`The edge serves no holdfast_edge_${gauge}.`);
    return [measure, value / divisor];
  });
}

/** This process: the clients, and the model server. `connections`: TCP connections of clients that are open now. */
export async function readOwn(connections: number): Promise<Reading[]> {
  const handles = await openHandles(process.pid);
  return readingsOf("clients", [
    ["kept heap", keptHeap() / MB],
    ["resident memory", process.memoryUsage.rss() / MB],
    ["handles", handles && handles - connections],
  ]);
}

/** Files and sockets a process has open; undefined where the system does not tell. */
async function openHandles(pid: number): Promise<number | undefined> {
  return readdir(`/proc/${pid}/fd`).then(
    ({ length }) => length,
    () => undefined,
  );
}

interface HeldKey {
  name: string;
  /** Seconds until it expires; infinite where it never does. */
  ttlSeconds: number;
}

/** What Valkey holds. */
interface Holdings {
  keys: HeldKey[];
  /** Sharded channels somebody is subscribed to. */
  channels: string[];
  clients: number;
  usedBytes: number;
}

/** Whose sessions nobody ever says anything to. The log notes for a quarter of an hour that there is nothing in them. */
export const NOBODY = "nobody";

/** Looks into Valkey and Temporal by connections of its own. */
export class ServerInstruments {
  readonly temporal: TemporalClient;
  readonly #stack: Stack;
  readonly #redis: Redis;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#redis = new Redis(stack.redisUrl);
    this.temporal = temporalAt(stack.temporalAddress);
  }

  async read(sessions: readonly SessionKey[]): Promise<Reading[]> {
    const { keys, channels, clients, usedBytes } = await this.#holdings();
    const own = keys.filter(belongsTo(sessions));
    const empty = keys.filter(({ name }) => name.includes(`/${NOBODY}/`));
    const immortal = keys.filter(({ ttlSeconds }) => ttlSeconds === Number.POSITIVE_INFINITY);
    const ownBytes = await this.#bytesOf(own);
    const usage = await this.#stack.usage();
    const residentMb = (name: string): number => (usage[name]?.rssBytes ?? Number.NaN) / MB;
    return [
      ...readingsOf("valkey", [
        ["resident memory", residentMb("valkey")],
        ["memory beside sessions", (usedBytes - ownBytes) / MB],
        ["memory of sessions", ownBytes / MB],
        ["keys", own.length],
        ["keys of empty sessions", empty.length],
        ["keys beside sessions", keys.length - own.length - empty.length],
        ["keys that never expire", immortal.length],
        ["channels", channels.length],
        ["clients", clients],
      ]),
      ...readingsOf("temporal", [
        ["resident memory with data", residentMb("temporal")],
        ["handles", await openHandles(usage["temporal"]?.pid ?? 0)],
        ["open workflows", await this.#openWorkflows()],
      ]),
    ];
  }

  /**
   * What is still held of clients that have all left, in words; asked until there is nothing, or for `withinMs`: an edge keeps
   * a feed for some seconds in case its reader comes back, and needs 45 s to notice that a client has fallen silent.
   */
  async whatRemains(sessions: readonly SessionKey[], withinMs: number): Promise<string[]> {
    let remains: string[] = [];
    const isEmpty = async (): Promise<boolean> => {
      const open = await this.#openWorkflows();
      const workflows = `temporal: ${open} open workflows instead of ${sessions.length}`;
      remains = [
        ...(await remainsAtApps(this.#stack)),
        ...remainsAtValkey(await this.#holdings(), sessions),
        ...(open === sessions.length ? [] : [workflows]),
      ];
      return remains.length === 0;
    };
    await until("nothing remains", isEmpty, withinMs, 500).catch(() => undefined);
    return remains;
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await this.temporal.connection.close();
  }

  async #holdings(): Promise<Holdings> {
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

  async #openWorkflows(): Promise<number> {
    const query = "ExecutionStatus='Running'";
    const { count } = await this.temporal.workflowService.countWorkflowExecutions({ namespace: "default", query });
    return Number(count);
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
    return sum(sizes, (size) => (typeof size === "number" ? size : 0));
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
function belongsTo(sessions: readonly SessionKey[]): (key: HeldKey) => boolean {
  const prefixes = sessions.map((session) => `hf:{${sessionPath(session)}}:`);
  return ({ name }) => prefixes.some((prefix) => name.startsWith(prefix));
}

/** None where the key has expired between the two questions. */
function heldKey(name: string, ttl: unknown): HeldKey[] {
  if (typeof ttl !== "number" || ttl === -2) return [];
  return [{ name, ttlSeconds: ttl === -1 ? Number.POSITIVE_INFINITY : ttl }];
}

async function remainsAtApps(stack: Stack): Promise<string[]> {
  const remains: string[] = [];
  for (const { name, url, isEdge } of appsOf(stack)) {
    const metrics = await readMetrics(url);
    const levels: Measured[] = [["model calls", valueOf(metrics, "holdfast_model_attempts_running") ?? 0]];
    if (isEdge) levels.unshift(...edgeGauges(metrics));
    for (const [measure, value] of levels) if (value !== 0) remains.push(`${name}: ${measure} ${value}`);
  }
  return remains;
}

/** What a session at rest has in Valkey: everything but the text of a running turn, and frames, which go soon. */
const PARTS = ["applied", "head", "state", "turns"];
/** Of the edges' own: one for all, one for each. */
const FLEET_CHANNEL = "hf:edge";
/** Seconds that keys may live which are no session's, by how they begin: counts of a minute's connections, ends of answers, notes of empty logs. */
const SHORT_LIVES: readonly [prefix: string, seconds: number][] = [
  ["hf:connects:", 60],
  ["hf:answer:", 3_600],
  ["hf:{", 900],
];

function remainsAtValkey({ keys, channels }: Holdings, sessions: readonly SessionKey[]): string[] {
  const isOfSession = belongsTo(sessions);
  const own = keys.filter((key) => isOfSession(key) && !key.name.endsWith(":log"));
  const expected = sessions.length * PARTS.length;
  const longestLife = (key: string): number => SHORT_LIVES.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 0;
  const foreign = keys.filter((key) => !isOfSession(key) && key.ttlSeconds > longestLife(key.name));
  // The log renews its keys together, a sixteenth of their time early: so much longer may one of them live.
  const immortal = own.filter(({ ttlSeconds }) => ttlSeconds > LIMITS.logTtlSeconds * (1 + 1 / 16));
  const followed = channels.filter((channel) => !channel.startsWith(FLEET_CHANNEL));
  return [
    ...(own.length === expected ? [] : [`valkey: ${own.length} keys of sessions instead of ${expected}`]),
    ...foreign.map(({ name, ttlSeconds }) => `valkey: the key ${name}, for ${ttlSeconds} s`),
    ...immortal.map(({ name, ttlSeconds }) => `valkey: ${name} lives for ${ttlSeconds} s`),
    ...followed.map((channel) => `valkey: a subscription to ${channel}`),
  ];
}
