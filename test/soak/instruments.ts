import { readdir } from "node:fs/promises";
import { LIMITS, type SessionKey, sessionPath } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { Redis } from "ioredis";
import { readMetrics, type Samples, valueOf } from "../kit/metrics.ts";
import { sum } from "../kit/statistics.ts";
import { withTemporal } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";
import { MEASURES, type MeasureName, type Reading } from "./growth.ts";
import { keptHeap } from "./heap-probe.ts";
import type { SoakFixture } from "./soak-fixture.ts";
import { TcpConnections } from "./tcp-connections.ts";

const [KB, MB] = [2 ** 10, 2 ** 20];

type Measured = [measure: MeasureName, value: number | undefined];

/** What is undefined could not be measured, and is left out. */
function readingsOf(process: string, values: readonly Measured[]): Reading[] {
  return values.flatMap(([measure, value]) => (value === undefined ? [] : [{ process, measure, value }]));
}

/** What an edge says of itself, as `holdfast_edge_<gauge>`. */
const EDGE_GAUGES: readonly [gauge: string, measure: MeasureName][] = [
  ["connections", "connections"],
  ["feeds", "feeds"],
  ["subscriptions", "subscriptions"],
  ["queues", "queues"],
  ["waiting_events", "waiting events"],
  ["waiting_bytes", "waiting KB"],
  ["outgoing_bytes", "outgoing KB"],
  ["signals_in_flight", "signals in flight"],
  ["paused_readers", "paused readers"],
];

/** Throws when an edge does not serve one of them: a gauge that is gone must not pass for one that is 0. */
export function edgeGauges(metrics: Samples): [measure: MeasureName, value: number][] {
  return EDGE_GAUGES.map(([gauge, measure]) => {
    const value = valueOf(metrics, `holdfast_edge_${gauge}`);
    if (value === undefined) throw new Error(`The edge serves no holdfast_edge_${gauge}.`);
    return [measure, MEASURES[measure].unit === "KB" ? value / KB : value];
  });
}

/** Where each process of Holdfast itself is. */
function appsOf({ ports }: Stack): { name: string; url: string; isEdge: boolean }[] {
  const app = (name: string, port: number) => {
    return { name, url: `http://127.0.0.1:${port}`, isEdge: name.startsWith("edge") };
  };
  const isOne = ports.inference.length === 1;
  return [
    ...ports.edges.map((port, index) => app(`edge-${index + 1}`, port)),
    app("orchestrator", ports.orchestrator),
    ...ports.inference.map((port, index) => app(isOne ? "inference" : `inference-${index + 1}`, port)),
  ];
}

/** One process after the other: a collection stops one, and its neighbours need not stand still with it. */
export async function readApps(fixture: SoakFixture): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const { name, url, isEdge } of appsOf(fixture.stack)) {
    const heap = await fixture.keptHeap(name);
    const metrics = await readMetrics(url);
    const handles = valueOf(metrics, "process_open_fds");
    const of = (metric: string): number => valueOf(metrics, metric) ?? Number.NaN;
    const measured: Measured[] = [
      ["resident memory", of("process_resident_memory_bytes") / MB],
      ["event loop lag, p99", of("nodejs_eventloop_lag_p99_seconds") * 1_000],
      [isEdge ? "kept heap" : "kept heap, by turns", heap && heap.main / MB],
      ["handles", handles && handles - (valueOf(metrics, "holdfast_edge_connections") ?? 0)],
    ];
    if (isEdge) measured.push(...edgeGauges(metrics));
    else {
      measured.push(["kept heap of threads, by turns", heap?.threads ? heap.threads / MB : undefined]);
      measured.push(["model calls", valueOf(metrics, "holdfast_model_attempts_running")]);
    }
    readings.push(...readingsOf(name, measured));
  }
  return readings;
}

/** This process: the clients, and the model server. */
export async function readOwn(): Promise<Reading[]> {
  const handles = await openHandles(process.pid);
  return readingsOf("clients", [
    ["kept heap", keptHeap() / MB],
    ["resident memory", process.memoryUsage.rss() / MB],
    ["handles", handles && handles - TcpConnections.open],
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
  bytes: number;
}

/** Whose sessions nobody ever says anything to. The log notes for a quarter of an hour that there is nothing in them. */
export const NOBODY = "nobody";

/** Valkey and Temporal. */
export async function readServers(stack: Stack, sessions: readonly SessionKey[]): Promise<Reading[]> {
  const { keys, channels, info } = await holdings(stack);
  const own = keys.filter(belongsTo(sessions));
  const empty = keys.filter(({ name }) => name.includes(`/${NOBODY}/`));
  const immortal = keys.filter(({ ttlSeconds }) => ttlSeconds === Number.POSITIVE_INFINITY);
  const ownBytes = sum(own, ({ bytes }) => bytes);
  const usage = await stack.usage();
  const residentMb = (name: string): number => (usage[name]?.rssBytes ?? Number.NaN) / MB;
  return [
    ...readingsOf("valkey", [
      ["resident memory", residentMb("valkey")],
      ["memory beside sessions", (info("used_memory") - ownBytes) / MB],
      ["memory of sessions", ownBytes / MB],
      ["keys", own.length],
      ["keys of empty sessions", empty.length],
      ["keys beside sessions", keys.length - own.length - empty.length],
      ["keys that never expire", immortal.length],
      ["channels", channels.length],
      ["clients", info("connected_clients")],
    ]),
    ...readingsOf("temporal", [
      ["resident memory with data", residentMb("temporal")],
      ["handles", await openHandles(usage["temporal"]?.pid ?? 0)],
      ["open workflows", await openWorkflows(stack)],
    ]),
  ];
}

/**
 * What is still held of clients that have all left, in words; asked until there is nothing, or for `withinMs`: an edge keeps
 * a feed for some seconds in case its reader comes back, and needs 45 s to notice that a client has fallen silent.
 */
export async function whatRemains(stack: Stack, sessions: readonly SessionKey[], withinMs: number): Promise<string[]> {
  let remains = ["nothing is known of what remains"];
  const isEmpty = async (): Promise<boolean> => {
    const { keys, channels } = await holdings(stack);
    const open = await openWorkflows(stack);
    // The edges' own are one for all, and one for each.
    const followed = channels.filter((channel) => !channel.startsWith("hf:edge"));
    const found: string[] = [];
    for (const { name, url, isEdge } of appsOf(stack)) {
      const metrics = await readMetrics(url);
      const levels: Measured[] = isEdge ? edgeGauges(metrics) : [];
      levels.push(["model calls", valueOf(metrics, "holdfast_model_attempts_running") ?? 0]);
      for (const [measure, value] of levels) if (value !== 0) found.push(`${name}: ${measure} ${value}`);
    }
    found.push(...remainingKeys(keys, sessions), ...followed.map((channel) => `valkey: a subscription to ${channel}`));
    if (open !== sessions.length) found.push(`temporal: ${open} open workflows instead of ${sessions.length}`);
    remains = found;
    return remains.length === 0;
  };
  await until("nothing remains", isEmpty, withinMs, 500).catch(() => undefined);
  return remains;
}

async function openWorkflows({ temporalAddress }: Stack): Promise<number> {
  const running = { namespace: "default", query: "ExecutionStatus='Running'" };
  return withTemporal(temporalAddress, async ({ workflowService }) => {
    return Number((await workflowService.countWorkflowExecutions(running)).count);
  });
}

/** What Valkey holds: its keys, the sharded channels somebody is subscribed to, and the numbers of its INFO. */
async function holdings({ redisUrl }: Stack) {
  const redis = new Redis(redisUrl);
  try {
    const names = new Set<string>();
    for await (const found of redis.scanStream({ count: 1_000 })) for (const name of found) names.add(name);
    const sorted = [...names].toSorted();
    const pipeline = redis.pipeline();
    for (const name of sorted) pipeline.ttl(name).memory("USAGE", name, "SAMPLES", 0);
    const answers = ((await pipeline.exec()) ?? []).map(([, answer]) => answer);
    const keys = sorted.flatMap((name, index): HeldKey[] => {
      const [ttl, bytes] = [Number(answers[2 * index]), Number(answers[2 * index + 1])];
      // -2: it has expired since its name was read. Its size may be null.
      return ttl === -2 ? [] : [{ name, ttlSeconds: ttl === -1 ? Number.POSITIVE_INFINITY : ttl, bytes }];
    });
    const channels: unknown = await redis.call("PUBSUB", "SHARDCHANNELS");
    const page = await redis.info();
    const info = (field: string): number => {
      const value = new RegExp(`^${field}:(\\d+)`, "m").exec(page)?.[1];
      if (value === undefined) throw new Error(`Valkey's INFO has no ${field}.`);
      return Number(value);
    };
    return { keys, channels: Array.isArray(channels) ? channels.map(String) : [], info };
  } finally {
    redis.disconnect();
  }
}

/** Whether a key is one of the sessions'. */
function belongsTo(sessions: readonly SessionKey[]): (key: HeldKey) => boolean {
  const prefixes = sessions.map((session) => `hf:{${sessionPath(session)}}:`);
  return ({ name }) => prefixes.some((prefix) => name.startsWith(prefix));
}

/** What a session at rest has in Valkey: everything but the text of a running turn, and frames, which go soon. */
const PARTS = ["applied", "head", "state", "turns"];
/** Seconds that keys may live which are no session's, by how they begin: counts of a minute's connections, ends of answers, notes of empty logs. */
const SHORT_LIVES: readonly [prefix: string, seconds: number][] = [
  ["hf:connects:", 60],
  ["hf:answer:", 3_600],
  ["hf:{", 900],
];
/** The log renews a session's keys together, a sixteenth of their time early: so much longer may one of them live. */
const LONGEST_LIFE = LIMITS.logTtlSeconds * (1 + 1 / 16);

function remainingKeys(keys: readonly HeldKey[], sessions: readonly SessionKey[]): string[] {
  const isOfSession = belongsTo(sessions);
  const own = keys.filter((key) => isOfSession(key) && !key.name.endsWith(":log"));
  const longestLife = (key: string): number => SHORT_LIVES.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 0;
  const foreign = keys.filter((key) => !isOfSession(key) && key.ttlSeconds > longestLife(key.name));
  const immortal = own.filter(({ ttlSeconds }) => ttlSeconds > LONGEST_LIFE);
  const expected = sessions.length * PARTS.length;
  return [
    ...(own.length === expected ? [] : [`valkey: ${own.length} keys of sessions instead of ${expected}`]),
    ...foreign.map(({ name, ttlSeconds }) => `valkey: the key ${name}, for ${ttlSeconds} s`),
    ...immortal.map(({ name, ttlSeconds }) => `valkey: ${name} lives for ${ttlSeconds} s`),
  ];
}
