import { cpus } from "node:os";
import pidusage from "pidusage";

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
