import type { LoadShape } from "../load/pacer.ts";
import type { CommonOptions } from "../options.ts";
import { compare, type Comparison, machine, printJson, say, sayComparison, sayFaults } from "../report/report.ts";
import { startSystem, type System } from "../system/system.ts";

/** Starts a system for `run` and ends it afterwards, also when interrupted. Gives the process's exit code. */
export async function withSystem(options: CommonOptions, run: (system: System) => Promise<boolean>): Promise<number> {
  const system = await startSystem(options);
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

/** What a command finds out beside the comparison, for its report. */
interface More {
  figures: object;
  faults?: string[];
}

/** The commands that are one load on every target: measures, prints the report, and says whether nothing was lost. */
export function compareAndReport(
  command: string,
  options: CommonOptions,
  shape: LoadShape,
  findMore: (comparison: Comparison, system: System) => More | Promise<More> = () => ({ figures: {} }),
): Promise<number> {
  const settings = { ...options, shape };
  return withSystem(options, async (system) => {
    const comparison = await compare(system, settings);
    const more = await findMore(comparison, system);
    sayComparison(comparison);
    printJson({ command, settings, machine: machine(), ...comparison, ...more.figures });
    return sayFaults([...Object.values(comparison.targets).flatMap(({ faults }) => faults), ...(more.faults ?? [])]);
  });
}

export interface TurnsOptions extends CommonOptions {
  inFlight: number;
  /** Turns per second over all sessions: an open loop. Left out: a closed one. */
  rate?: number;
}

export function turns(options: TurnsOptions): Promise<number> {
  const { rate, inFlight, arrivals, seed } = options;
  const closed = { loop: "closed", kind: "input", inFlight, pauseMs: 0 } as const;
  const shape: LoadShape =
    rate === undefined ? closed : { loop: "open", burst: ["input"], burstsPerSecond: rate, arrivals, seed };
  return compareAndReport("turns", options, shape);
}

export interface ObserveOptions extends CommonOptions {
  inFlight: number;
}

/** Small events in bursts: what natural batching is worth. */
export function observe(options: ObserveOptions): Promise<number> {
  const { inFlight } = options;
  return compareAndReport("observe", options, { loop: "closed", kind: "observe", inFlight, pauseMs: 0 });
}

export interface IdleOptions extends CommonOptions {
  pause: number;
}

/** One turn at a time on an otherwise idle machine: what a person waits, and how much of it is not Temporal's. */
export function idle(options: IdleOptions): Promise<number> {
  const shape: LoadShape = { loop: "closed", kind: "input", inFlight: 1, pauseMs: options.pause };
  return compareAndReport("idle", options, shape, ({ targets: { holdfast, bareTemporal } }) => {
    const over = (pick: "eventToDurable" | "eventToFirstDelta"): number | null => {
      const [ours, theirs] = [holdfast?.latency[pick].p50, bareTemporal?.latency[pick].p50];
      return typeof ours === "number" && typeof theirs === "number" ? ours - theirs : null;
    };
    const [eventToDurable, eventToFirstDelta] = [over("eventToDurable"), over("eventToFirstDelta")];
    const [durable, first] = [eventToDurable?.toFixed(2), eventToFirstDelta?.toFixed(2)];
    say(`above bare Temporal (p50): durable ${durable} ms, first ${first} ms`);
    /** Milliseconds at the median. */
    return { figures: { aboveBareTemporal: { eventToDurable, eventToFirstDelta } } };
  });
}
