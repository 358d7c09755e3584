import { readMetrics, type Samples } from "@holdfast/test/kit/metrics";
import { availableParallelism, cpus } from "node:os";
import pidusage from "pidusage";
import type { Recorder } from "./recorder.ts";

/** Everything that is read at both ends of a measured window. */
export interface Gauges {
  processes: NamedProcess[];
  metricsUrl: string;
  namespace: string;
}

/** What happened in a window: plain sums, so that windows can be added. */
export interface WindowCounts {
  seconds: number;
  /** Of an open loop; a closed one offers what it completes. */
  offered: number;
  durable: number;
  turns: number;
  machineCpuSeconds: number;
  cpuSeconds: Record<string, number>;
  rssBytes: Record<string, number>;
  persistence: Record<string, number>;
}

export interface WindowFigures {
  seconds: number;
  durablePerSecond: number;
  turnsPerSecond: number;
  processes: Record<string, ProcessFigures>;
  cpuMillisecondsPerTurn: number | null;
  saturation: Saturation;
  temporal: PersistenceFigures;
}

async function read(gauges: Gauges, recorder: Recorder) {
  const { offered, durable, turns } = recorder.completed;
  const at = performance.now();
  const machine = readMachine();
  const [processes, samples] = await Promise.all([readProcesses(gauges.processes), readMetrics(gauges.metricsUrl)]);
  const persistence = persistenceIn(samples, gauges.namespace);
  return { at, offered, durable, turns, machine, processes, persistence };
}

/** Begins a window; the function it gives ends it. The load must run on across both calls. */
export async function openWindow(gauges: Gauges, recorder: Recorder): Promise<() => Promise<WindowCounts>> {
  const before = await read(gauges, recorder);
  return async () => {
    const after = await read(gauges, recorder);
    const counts: WindowCounts = {
      seconds: (after.at - before.at) / 1_000,
      offered: after.offered - before.offered,
      durable: after.durable - before.durable,
      turns: after.turns - before.turns,
      machineCpuSeconds: after.machine - before.machine,
      cpuSeconds: {},
      rssBytes: {},
      persistence: {},
    };
    for (const [name, { cpuSeconds, rssBytes }] of after.processes) {
      counts.cpuSeconds[name] = cpuSeconds - (before.processes.get(name)?.cpuSeconds ?? 0);
      counts.rssBytes[name] = rssBytes;
    }
    for (const [operation, count] of after.persistence) {
      const made = count - (before.persistence.get(operation) ?? 0);
      if (made > 0) counts.persistence[operation] = made;
    }
    return counts;
  };
}

/** Windows of one load as if they had been one. RSS: the last window's. */
export function joinWindows(windows: WindowCounts[]): WindowCounts {
  const joined: WindowCounts = {
    seconds: 0,
    offered: 0,
    durable: 0,
    turns: 0,
    machineCpuSeconds: 0,
    cpuSeconds: {},
    rssBytes: {},
    persistence: {},
  };
  for (const window of windows) {
    joined.seconds += window.seconds;
    joined.offered += window.offered;
    joined.durable += window.durable;
    joined.turns += window.turns;
    joined.machineCpuSeconds += window.machineCpuSeconds;
    Object.assign(joined.rssBytes, window.rssBytes);
    addTo(joined.cpuSeconds, window.cpuSeconds);
    addTo(joined.persistence, window.persistence);
  }
  return joined;
}

function addTo(sums: Record<string, number>, more: Record<string, number>): void {
  for (const [name, value] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + value;
}

export function windowFigures(counts: WindowCounts, gauged: NamedProcess[]): WindowFigures {
  const { seconds, turns } = counts;
  const perTurn = (cpuSeconds: number): number | null => (turns === 0 ? null : (cpuSeconds * 1_000) / turns);
  const processes: Record<string, ProcessFigures> = {};
  let usedSeconds = 0;
  for (const [name, cpuSeconds] of Object.entries(counts.cpuSeconds)) {
    usedSeconds += cpuSeconds;
    processes[name] = {
      cpuSeconds,
      cores: cpuSeconds / seconds,
      cpuMillisecondsPerTurn: perTurn(cpuSeconds),
      rssMegabytes: (counts.rssBytes[name] ?? 0) / 2 ** 20,
    };
  }
  const machine = { cores: availableParallelism(), busyCores: counts.machineCpuSeconds / seconds };
  return {
    seconds,
    durablePerSecond: counts.durable / seconds,
    turnsPerSecond: turns / seconds,
    processes,
    cpuMillisecondsPerTurn: perTurn(usedSeconds),
    saturation: saturation(processes, gauged, machine),
    temporal: persistenceFigures(counts.persistence, turns),
  };
}

/** Requests Temporal made to its database so far, by operation, in one namespace. */
export type PersistenceCounts = Map<string, number>;

/**
 * Operations that are one write transaction each: of a workflow's state and history, and of a task that found no
 * poller waiting. Reads, and the housekeeping of shards and queues, are counted apart.
 */
const TRANSACTIONS = new Set([
  "CreateWorkflowExecution",
  "UpdateWorkflowExecution",
  "ConflictResolveWorkflowExecution",
  "SetWorkflowExecution",
  "CreateTasks",
]);

/** Of the server's `persistence_requests` counter. */
export function persistenceIn(samples: Samples, namespace: string): PersistenceCounts {
  const counts: PersistenceCounts = new Map();
  for (const [key, value] of samples) {
    const operation = /^persistence_requests\{.*operation="([^"]*)"/.exec(key)?.[1];
    if (operation === undefined || !key.includes(`namespace="${namespace}"`)) continue;
    counts.set(operation, (counts.get(operation) ?? 0) + value);
  }
  return counts;
}

export interface PersistenceFigures {
  transactions: number;
  transactionsPerTurn: number | null;
  /** Every operation, reads too, per turn where there were turns, else in all. */
  byOperation: Record<string, number>;
}

/** `made`: requests in a window, by operation. */
export function persistenceFigures(made: Record<string, number>, turns: number): PersistenceFigures {
  let transactions = 0;
  const byOperation: Record<string, number> = {};
  for (const [operation, count] of Object.entries(made)) {
    if (TRANSACTIONS.has(operation)) transactions += count;
    byOperation[operation] = turns === 0 ? count : count / turns;
  }
  return { transactions, transactionsPerTurn: turns === 0 ? null : transactions / turns, byOperation };
}

/** One process of the system under load. */
export interface NamedProcess {
  name: string;
  pid: number;
  /** Its work is done by one JavaScript thread, so one core is all it can use. */
  oneThread: boolean;
}

/** CPU used so far (seconds, user and system, all threads) and resident memory (bytes), by process name. */
export type ProcessReadings = Map<string, { cpuSeconds: number; rssBytes: number }>;

/** A process that has ended since it was named is left out. */
export async function readProcesses(processes: NamedProcess[]): Promise<ProcessReadings> {
  const readings: ProcessReadings = new Map();
  const settled = await Promise.allSettled(processes.map(({ pid }) => pidusage(pid)));
  settled.forEach((result, index) => {
    const name = processes[index]?.name;
    if (name === undefined || result.status === "rejected") return;
    readings.set(name, { cpuSeconds: result.value.ctime / 1_000, rssBytes: result.value.memory });
  });
  return readings;
}

/** pidusage keeps a timer per process it has seen; without this a bench would not exit. */
export function forgetProcesses(): void {
  pidusage.clear();
}

/** CPU seconds all processes of the machine have used so far, those that are none of ours too. */
export function readMachine(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1_000;
}

export interface ProcessFigures {
  cpuSeconds: number;
  /** CPU seconds per second. */
  cores: number;
  cpuMillisecondsPerTurn: number | null;
  rssMegabytes: number;
}

export interface Saturation {
  machineCores: number;
  /** Cores in use by the processes of the run, and by everything on the machine. */
  usedCores: number;
  busyCores: number;
  /** The process that used the most. */
  largest: string;
  largestCores: number;
  /**
   * What ran out. `machine`: nearly all cores were busy, so what takes the most of them is what to make cheaper. A
   * process's name: cores were left, but that process's one thread had no more to give. `nothing`: neither.
   */
  limit: string;
}

/** From here on a core, or the machine, counts as used up: what is left goes to switching between processes. */
const FULL = 0.9;

export function saturation(
  figures: Record<string, ProcessFigures>,
  processes: NamedProcess[],
  machine: { cores: number; busyCores: number },
): Saturation {
  const used = Object.entries(figures).sort(([, a], [, b]) => b.cores - a.cores);
  const [largest, { cores: largestCores }] = used[0] ?? ["", { cores: 0 }];
  const oneThread = new Set(processes.filter((process) => process.oneThread).map(({ name }) => name));
  const full = used.find(([name, { cores }]) => oneThread.has(name) && cores >= FULL)?.[0];
  const limit = machine.busyCores >= FULL * machine.cores ? "machine" : (full ?? "nothing");
  const usedCores = used.reduce((sum, [, { cores }]) => sum + cores, 0);
  return { machineCores: machine.cores, usedCores, busyCores: machine.busyCores, largest, largestCores, limit };
}
