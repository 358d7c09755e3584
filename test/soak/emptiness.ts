import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, type SessionKey } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { appsOf, edgeGauges } from "./app-instruments.ts";
import { readAppMetrics } from "./app-metrics.ts";
import { belongsTo, type ServerInstruments } from "./server-instruments.ts";

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

/**
 * What is still held of clients that have all left, in words; asked until there is nothing, or for `withinMs`: an edge keeps a
 * feed for some seconds in case its reader comes back, and needs 45 s to notice that a client has fallen silent.
 */
export async function whatRemains(
  stack: Stack,
  instruments: ServerInstruments,
  sessions: readonly SessionKey[],
  withinMs: number,
): Promise<string[]> {
  for (const until = performance.now() + withinMs; ; await sleep(500)) {
    const remains = [
      ...(await atApps(stack)),
      ...(await atValkey(instruments, sessions)),
      ...(await atTemporal(instruments, sessions.length)),
    ];
    if (remains.length === 0 || performance.now() > until) return remains;
  }
}

async function atApps(stack: Stack): Promise<string[]> {
  const remains: string[] = [];
  for (const { name, port, kind } of appsOf(stack)) {
    const metrics = await readAppMetrics(port);
    const gauges = kind === "edge" ? edgeGauges(metrics) : [];
    const calls = metrics.get("holdfast_model_attempts_running") ?? 0;
    const levels = [...gauges, { measure: "model calls", value: calls }];
    for (const { measure, value } of levels) if (value !== 0) remains.push(`${name}: ${measure} ${value}`);
  }
  return remains;
}

async function atValkey(instruments: ServerInstruments, sessions: readonly SessionKey[]): Promise<string[]> {
  const { keys, channels } = await instruments.holdings();
  const isOfSession = belongsTo(sessions);
  const own = keys.filter((key) => isOfSession(key) && !key.name.endsWith(":log"));
  const expected = sessions.length * PARTS.length;
  const others = keys.filter((key) => !isOfSession(key));
  const foreign = others.filter(({ name, ttlSeconds }) => ttlSeconds > longestLife(name));
  const immortal = own.filter(({ ttlSeconds }) => ttlSeconds > LIMITS.logTtlSeconds);
  const followed = channels.filter((channel) => !channel.startsWith(FLEET_CHANNEL));
  return [
    ...(own.length === expected ? [] : [`valkey: ${own.length} keys of sessions instead of ${expected}`]),
    ...foreign.map(({ name, ttlSeconds }) => `valkey: the key ${name}, for ${ttlSeconds} s`),
    ...immortal.map(({ name, ttlSeconds }) => `valkey: ${name} lives for ${ttlSeconds} s`),
    ...followed.map((channel) => `valkey: a subscription to ${channel}`),
  ];
}

async function atTemporal(instruments: ServerInstruments, sessions: number): Promise<string[]> {
  const open = await instruments.openWorkflows();
  return open === sessions ? [] : [`temporal: ${open} open workflows instead of ${sessions}`];
}

function longestLife(key: string): number {
  return SHORT_LIVES.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 0;
}
