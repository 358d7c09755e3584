import { availableParallelism, cpus } from "node:os";
import { readMetrics, type Samples } from "@holdfast/test/kit/metrics";
import { sum } from "@holdfast/test/kit/statistics";
import pidusage from "pidusage";
import type { Recorder } from "./recorder.ts";

/** One process of the system under load. */
export interface NamedProcess {
  name: string;
  pid: number;
  /** Its work is done by one JavaScript thread, so one core is all it can use. */
  oneThread: boolean;
}

/** Everything that is read at both ends of a measured window. */
export interface Gauges {
  processes: NamedProcess[];
  metricsUrl: string;
  namespace: string;
}

/** What happened in a window: plain sums, so that windows can be added. A reading is what happened since ever. */
export interface WindowCounts {
  seconds: number;
  /** Of an open loop; a closed one offers what it completes. */
  offered: number;
  durable: number;
  turns: number;
  machineCpuSeconds: number;
  /** User and system, all threads, by process name. */
  cpuSeconds: Record<string, number>;
  /** At the end of the window. */
  rssBytes: Record<string, number>;
  /** Requests Temporal made to its database, by operation. */
  persistence: Record<string, number>;
}

async function read({ processes, metricsUrl, namespace }: Gauges, { completed }: Recorder): Promise<WindowCounts> {
  const now = { ...completed, seconds: performance.now() / 1_000, machineCpuSeconds: readMachine() };
  const [usage, samples] = await Promise.all([readProcesses(processes), readMetrics(metricsUrl)]);
  return { ...now, ...usage, persistence: persistenceIn(samples, namespace) };
}

/** Begins a window; the function it gives ends it. The load must run on across both calls. */
export async function openWindow(gauges: Gauges, recorder: Recorder): Promise<() => Promise<WindowCounts>> {
  const before = await read(gauges, recorder);
  return async () => added(await read(gauges, recorder), -1, before);
}

/** Windows of one load as if they had been one. */
export function joinWindows(windows: WindowCounts[]): WindowCounts {
  return windows.reduce((before, window) => added(window, 1, before));
}

/** -1: what happened between two readings. 1: two windows as one. */
function added(later: WindowCounts, times: 1 | -1, earlier: WindowCounts): WindowCounts {
  const plus = (of: "cpuSeconds" | "persistence"): Record<string, number> => {
    // A process that ended between two readings has no figure.
    const names = Object.keys(times === 1 ? { ...earlier[of], ...later[of] } : later[of]);
    return Object.fromEntries(names.map((name) => [name, (later[of][name] ?? 0) + times * (earlier[of][name] ?? 0)]));
  };
  return {
    seconds: later.seconds + times * earlier.seconds,
    offered: later.offered + times * earlier.offered,
    durable: later.durable + times * earlier.durable,
    turns: later.turns + times * earlier.turns,
    machineCpuSeconds: later.machineCpuSeconds + times * earlier.machineCpuSeconds,
    cpuSeconds: plus("cpuSeconds"),
    rssBytes: { ...earlier.rssBytes, ...later.rssBytes },
    persistence: plus("persistence"),
  };
}

interface ProcessFigures {
  cpuSeconds: number;
  /** CPU seconds per second. */
  cores: number;
  cpuMillisecondsPerTurn: number | null;
  rssMegabytes: number;
}

export function windowFigures(counts: WindowCounts, gauged: NamedProcess[]) {
  const { seconds, turns } = counts;
  const perTurn = (cpuSeconds: number): number | null => (turns === 0 ? null : (cpuSeconds * 1_000) / turns);
  const processes: Record<string, ProcessFigures> = {};
  for (const [name, cpuSeconds] of Object.entries(counts.cpuSeconds)) {
    const rssMegabytes = (counts.rssBytes[name] ?? 0) / 2 ** 20;
    const cores = cpuSeconds / seconds;
    processes[name] = { cpuSeconds, cores, cpuMillisecondsPerTurn: perTurn(cpuSeconds), rssMegabytes };
  }
  const machine = { cores: availableParallelism(), busyCores: counts.machineCpuSeconds / seconds };
  return {
    seconds,
    durablePerSecond: counts.durable / seconds,
    turnsPerSecond: turns / seconds,
    processes,
    cpuMillisecondsPerTurn: perTurn(sum(Object.values(counts.cpuSeconds), (used) => used)),
    saturation: saturation(processes, gauged, machine),
    temporal: persistenceFigures(counts.persistence, turns),
  };
}

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

/** Of the server's `persistence_requests` counter: those of one namespace so far, by operation. */
export function persistenceIn(samples: Samples, namespace: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [key, value] of samples) {
    const operation = /^persistence_requests\{.*operation="([^"]*)"/.exec(key)?.[1];
    if (operation === undefined || !key.includes(`namespace="${namespace}"`)) continue;
    counts[operation] = (counts[operation] ?? 0) + value;
  }
  return counts;
}

/** `made`: requests in a window, by operation. `byOperation` has every one, reads too, per turn where there were turns. */
export function persistenceFigures(made: Record<string, number>, turns: number) {
  const perTurn = (count: number): number => (turns === 0 ? count : count / turns);
  const counted = Object.entries(made).filter(([, count]) => count > 0);
  const writes = counted.filter(([operation]) => TRANSACTIONS.has(operation));
  const transactions = sum(writes, ([, count]) => count);
  return {
    transactions,
    transactionsPerTurn: turns === 0 ? null : transactions / turns,
    byOperation: Object.fromEntries(counted.map(([operation, count]) => [operation, perTurn(count)])),
  };
}

/** By process name. A process that has ended since it was named is left out. */
export async function readProcesses(processes: NamedProcess[]): Promise<Pick<WindowCounts, "cpuSeconds" | "rssBytes">> {
  const usage = await Promise.allSettled(processes.map(({ pid }) => pidusage(pid)));
  const cpuSeconds: Record<string, number> = {};
  const rssBytes: Record<string, number> = {};
  processes.forEach(({ name }, index) => {
    const read = usage[index];
    if (read?.status !== "fulfilled") return;
    cpuSeconds[name] = read.value.ctime / 1_000;
    rssBytes[name] = read.value.memory;
  });
  return { cpuSeconds, rssBytes };
}

/** pidusage keeps a timer per process it has seen; without this a bench would not exit. */
export function forgetProcesses(): void {
  pidusage.clear();
}

/** CPU seconds all processes of the machine have used so far, those that are none of ours too. */
export function readMachine(): number {
  return sum(cpus(), ({ times }) => times.user + times.nice + times.sys + times.irq) / 1_000;
}

/** From here on a core, or the machine, counts as used up: what is left goes to switching between processes. */
const FULL = 0.9;

/** Who uses the most, and what ran out. */
export function saturation(
  figures: Record<string, { cores: number }>,
  processes: NamedProcess[],
  machine: { cores: number; busyCores: number },
) {
  const used = Object.entries(figures).toSorted(([, a], [, b]) => b.cores - a.cores);
  const [largest, { cores: largestCores }] = used[0] ?? ["", { cores: 0 }];
  const oneThread = new Set(processes.filter((process) => process.oneThread).map(({ name }) => name));
  const full = used.find(([name, { cores }]) => oneThread.has(name) && cores >= FULL)?.[0];
  return {
    machineCores: machine.cores,
    /** By the processes of the run; `busyCores`: by everything on the machine. */
    usedCores: sum(used, ([, { cores }]) => cores),
    busyCores: machine.busyCores,
    largest,
    largestCores,
    /**
     * `machine`: nearly all cores were busy, so what takes the most of them is what to make cheaper. A process's name:
     * cores were left, but that process's one thread had no more to give. `nothing`: neither.
     */
    limit: machine.busyCores >= FULL * machine.cores ? "machine" : (full ?? "nothing"),
  };
}
