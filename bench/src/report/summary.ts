import type { TrialFigures } from "../load/trial.ts";
import type { NamedProcess } from "../measure/processes.ts";
import type { LatencyFigures } from "../measure/recorder.ts";
import { joinWindows, windowFigures, type WindowFigures } from "../measure/window.ts";

/** One target under one load. Times in milliseconds. */
export interface Summary extends WindowFigures {
  durablePerDay: number;
  turnsPerDay: number;
  latency: LatencyFigures;
  /** Rates of the single windows, to show their spread. */
  windows: { durablePerSecond: number; turnsPerSecond: number }[];
  notes: Record<string, number>;
  faults: string[];
}

const SECONDS_PER_DAY = 86_400;

export function summarize(figures: TrialFigures, processes: NamedProcess[]): Summary {
  const whole = windowFigures(joinWindows(figures.windows), processes);
  return {
    ...whole,
    durablePerDay: Math.round(whole.durablePerSecond * SECONDS_PER_DAY),
    turnsPerDay: Math.round(whole.turnsPerSecond * SECONDS_PER_DAY),
    latency: figures.latency,
    windows: figures.windows.map(({ seconds, durable, turns }) => ({
      durablePerSecond: durable / seconds,
      turnsPerSecond: turns / seconds,
    })),
    notes: figures.notes,
    faults: figures.faults,
  };
}

/** Holdfast's figure over the other's; null where either is missing or the other's is zero. */
export interface Ratios {
  durablePerSecond: number | null;
  turnsPerSecond: number | null;
  eventToDurableP50: number | null;
  eventToFirstDeltaP50: number | null;
  eventToFinalP50: number | null;
  cpuPerTurn: number | null;
  transactionsPerTurn: number | null;
}

export function ratios(ours: Summary, theirs: Summary): Ratios {
  const over = (pick: (summary: Summary) => number | null): number | null => {
    const [a, b] = [pick(ours), pick(theirs)];
    return a === null || b === null || b === 0 ? null : Math.round((a / b) * 1_000) / 1_000;
  };
  return {
    durablePerSecond: over((summary) => summary.durablePerSecond),
    turnsPerSecond: over((summary) => summary.turnsPerSecond),
    eventToDurableP50: over((summary) => summary.latency.eventToDurable.p50),
    eventToFirstDeltaP50: over((summary) => summary.latency.eventToFirstDelta.p50),
    eventToFinalP50: over((summary) => summary.latency.eventToFinal.p50),
    cpuPerTurn: over((summary) => summary.cpuMillisecondsPerTurn),
    transactionsPerTurn: over((summary) => summary.temporal.transactionsPerTurn),
  };
}
