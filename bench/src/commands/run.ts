import type { LoadShape } from "../load/pacer.ts";
import type { TrialOptions } from "../load/trial.ts";
import { type CommonOptions, systemSettings } from "../options.ts";
import { compare, type Comparison, machine, printJson, say, sayFaults, sayNoise, sayTable } from "../report/report.ts";
import { startSystem, type System } from "../system/system.ts";

/** Starts a system for `run` and ends it afterwards, also when interrupted. Gives the process's exit code. */
export async function withSystem(options: CommonOptions, run: (system: System) => Promise<boolean>): Promise<number> {
  const system = await startSystem(systemSettings(options), (line) => say(`· ${line}`));
  const interrupted = (): void => void system.close().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return (await run(system)) ? 0 : 1;
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    await system.close();
  }
}

export function trialSettings(options: CommonOptions, shape: LoadShape): TrialOptions {
  return { sessions: options.sessions, shape, warmupSeconds: options.warmup, seconds: options.seconds };
}

/** The commands that are one load on every target: measures, prints the report, and says whether nothing was lost. */
export async function compareAndReport(command: string, options: CommonOptions, shape: LoadShape): Promise<number> {
  return await withSystem(options, async (system) => {
    const comparison = await compare(system, trialSettings(options, shape), options.rounds, (line) => say(`· ${line}`));
    return report(command, { ...options, shape }, comparison);
  });
}

export function report(command: string, settings: object, comparison: Comparison, more: object = {}): boolean {
  const summaries = Object.values(comparison.targets);
  sayTable(comparison);
  sayNoise(summaries);
  printJson({ command, settings, machine: machine(), ...comparison, ...more });
  return sayFaults(summaries);
}

export interface TurnsOptions extends CommonOptions {
  inFlight: number;
  /** Turns per second over all sessions: an open loop. Left out: a closed one. */
  rate?: number;
}

export function turns(options: TurnsOptions): Promise<number> {
  const { rate, inFlight, arrivals, seed } = options;
  return compareAndReport(
    "turns",
    options,
    rate === undefined
      ? { loop: "closed", kind: "input", inFlight, pauseMs: 0 }
      : { loop: "open", burst: ["input"], burstsPerSecond: rate, arrivals, seed },
  );
}

export interface ObserveOptions extends CommonOptions {
  inFlight: number;
}

/** Small events in bursts: what natural batching is worth. */
export function observe(options: ObserveOptions): Promise<number> {
  return compareAndReport("observe", options, {
    loop: "closed",
    kind: "observe",
    inFlight: options.inFlight,
    pauseMs: 0,
  });
}

export interface IdleOptions extends CommonOptions {
  pause: number;
}

/** One turn at a time on an otherwise idle machine: what a person waits, and how much of it is not Temporal's. */
export function idle(options: IdleOptions): Promise<number> {
  const shape = { loop: "closed", kind: "input", inFlight: 1, pauseMs: options.pause } as const;
  return withSystem(options, async (system) => {
    const comparison = await compare(system, trialSettings(options, shape), options.rounds, (line) => say(`· ${line}`));
    const { holdfast, bareTemporal } = comparison.targets;
    const over = (pick: "eventToDurable" | "eventToFirstDelta"): number | null => {
      const [ours, theirs] = [holdfast?.latency[pick].p50, bareTemporal?.latency[pick].p50];
      return typeof ours === "number" && typeof theirs === "number" ? ours - theirs : null;
    };
    /** Milliseconds at the median. */
    const aboveBareTemporal = { eventToDurable: over("eventToDurable"), eventToFirstDelta: over("eventToFirstDelta") };
    const { eventToDurable, eventToFirstDelta } = aboveBareTemporal;
    say(
      `above bare Temporal (p50): durable ${eventToDurable?.toFixed(2)} ms, first ${eventToFirstDelta?.toFixed(2)} ms`,
    );
    return report("idle", { ...options, shape }, comparison, { aboveBareTemporal });
  });
}
