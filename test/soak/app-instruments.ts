import { readdir } from "node:fs/promises";
import type { Stack } from "@holdfast/stack/stack";
import { readAppMetrics } from "./app-metrics.ts";
import type { MeasureName } from "./bounds.ts";
import { keptHeap } from "./garbage.ts";
import type { KeptHeaps } from "./kept-heaps.ts";
import type { Reading } from "./series.ts";

const MB = 1024 * 1024;

interface App {
  name: string;
  port: number;
  kind: "edge" | "worker";
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
export function appsOf({ ports }: Stack): App[] {
  const inference = ports.inference.map((port, index): App => {
    return { name: ports.inference.length === 1 ? "inference" : `inference-${index + 1}`, port, kind: "worker" };
  });
  const edges = ports.edges.map((port, index): App => ({ name: `edge-${index + 1}`, port, kind: "edge" }));
  return [...edges, { name: "orchestrator", port: ports.orchestrator, kind: "worker" }, ...inference];
}

/** One process after the other: a collection stops one, and its neighbours need not stand still with it. */
export async function readApps(stack: Stack, heaps: KeptHeaps): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const app of appsOf(stack)) {
    const pid = stack.children().find(({ name }) => name === app.name)?.pid;
    const heap = typeof pid === "number" ? await heaps.of(stack, app.name, pid) : undefined;
    const metrics = await readAppMetrics(app.port);
    const add = (measure: MeasureName, value: number | undefined): void => {
      if (value !== undefined) readings.push({ process: app.name, measure, value });
    };
    const handles = metrics.get("process_open_fds");
    add("resident memory", (metrics.get("process_resident_memory_bytes") ?? Number.NaN) / MB);
    add("event loop lag, p99", (metrics.get("nodejs_eventloop_lag_p99_seconds") ?? Number.NaN) * 1_000);
    if (app.kind === "edge") {
      add("kept heap", heap && heap.main / MB);
      add("handles", handles && handles - (metrics.get("holdfast_edge_connections") ?? 0));
      for (const { measure, value } of edgeGauges(metrics)) add(measure, value);
    } else {
      add("kept heap, by turns", heap && heap.main / MB);
      add("kept heap of threads, by turns", heap?.threads === 0 ? undefined : heap && heap.threads / MB);
      add("handles", handles);
      add("model calls", metrics.get("holdfast_model_attempts_running"));
    }
  }
  return readings;
}

/** Throws when an edge does not serve one of them: a gauge that is gone must not pass for one that is 0. */
export function edgeGauges(metrics: ReadonlyMap<string, number>): { measure: MeasureName; value: number }[] {
  return EDGE_GAUGES.map(([gauge, measure, divisor]) => {
    const value = metrics.get(`holdfast_edge_${gauge}`);
    if (value === undefined) throw new Error(`The edge serves no holdfast_edge_${gauge}.`);
    return { measure, value: value / divisor };
  });
}

/** This process: the clients, and the model server. `lines`: TCP connections of clients that are open now. */
export async function readHarness(lines: number): Promise<Reading[]> {
  const process_ = "clients";
  const handles = await openHandles(process.pid);
  return [
    { process: process_, measure: "kept heap", value: keptHeap() / MB },
    { process: process_, measure: "resident memory", value: process.memoryUsage.rss() / MB },
    ...(handles === undefined ? [] : [{ process: process_, measure: "handles" as const, value: handles - lines }]),
  ];
}

/** Files and sockets a process has open; undefined where the system does not tell. */
export async function openHandles(pid: number): Promise<number | undefined> {
  try {
    return (await readdir(`/proc/${pid}/fd`)).length;
  } catch {
    return undefined;
  }
}
