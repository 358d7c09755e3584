import { availableParallelism } from "node:os";
import { persistenceFigures, readPersistence, type PersistenceFigures } from "./persistence.ts";
import {
  readMachine,
  readProcesses,
  saturation,
  type NamedProcess,
  type ProcessFigures,
  type Saturation,
} from "./processes.ts";
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
  const [processes, persistence] = await Promise.all([
    readProcesses(gauges.processes),
    readPersistence(gauges.metricsUrl, gauges.namespace),
  ]);
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
