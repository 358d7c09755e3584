import { availableParallelism, cpus, release, totalmem } from "node:os";
import { prepareTrial, type Trial, type TrialFigures, type TrialOptions } from "../load/trial.ts";
import { joinWindows, windowFigures } from "../measure/window.ts";
import type { System } from "../system/system.ts";

/** What the figures were measured on; figures of two machines are not comparable, their ratios may be. */
export function machine() {
  return {
    node: process.version,
    platform: `${process.platform} ${release()}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  };
}

/** JSON on stdout is for programs, everything for people goes to stderr. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}

export function say(line: string): void {
  console.error(line);
}

const SECONDS_PER_DAY = 86_400;

/** One target under one load. Times in milliseconds. */
export type Summary = ReturnType<typeof summarize>;

export function summarize({ latency, windows, processes, notes, faults }: TrialFigures) {
  const whole = windowFigures(joinWindows(windows), processes);
  return {
    ...whole,
    durablePerDay: Math.round(whole.durablePerSecond * SECONDS_PER_DAY),
    turnsPerDay: Math.round(whole.turnsPerSecond * SECONDS_PER_DAY),
    latency,
    /** Rates of the single windows, to show their spread. */
    windows: windows.map(({ seconds, durable, turns }) => ({
      durablePerSecond: durable / seconds,
      turnsPerSecond: turns / seconds,
    })),
    notes,
    faults,
  };
}

/** Holdfast's figure over the other's; null where either is missing or the other's is zero. */
export function ratios(ours: Summary, theirs: Summary) {
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

export type Comparison = Awaited<ReturnType<typeof compare>>;

/**
 * Measures every target of the system in `rounds` windows each, taking turns, so that whatever else the machine does
 * meanwhile falls on all of them. Gives each target's figures, and Holdfast's over the others'.
 */
export async function compare(system: System, options: TrialOptions & { rounds: number }) {
  const trials: Trial[] = [];
  for (const target of system.targets) trials.push(await prepareTrial(target, options, system.gauges));
  for (let round = 1; round <= options.rounds; round++) {
    for (const trial of trials) {
      say(`· round ${round} of ${options.rounds}: ${trial.target.name}`);
      await trial.round();
    }
  }
  const targets: Record<string, Summary> = {};
  for (const { target, figures } of trials) targets[target.name] = summarize(await figures());
  const { holdfast, floor, bareTemporal, workflowStreams } = targets;
  return {
    targets,
    ...(holdfast && floor ? { toFloor: ratios(holdfast, floor) } : {}),
    ...(holdfast && bareTemporal ? { toBareTemporal: ratios(holdfast, bareTemporal) } : {}),
    ...(holdfast && workflowStreams ? { toWorkflowStreams: ratios(holdfast, workflowStreams) } : {}),
  };
}

/** Latencies in milliseconds, CPU in cores. */
const COLUMNS: [title: string, cell: (summary: Summary) => string][] = [
  ["durable/s", (s) => rounded(s.durablePerSecond)],
  ["turns/s", (s) => rounded(s.turnsPerSecond)],
  ["durable p50", (s) => rounded(s.latency.eventToDurable.p50)],
  ["p99", (s) => rounded(s.latency.eventToDurable.p99)],
  ["first p50", (s) => rounded(s.latency.eventToFirstDelta.p50)],
  ["p99", (s) => rounded(s.latency.eventToFirstDelta.p99)],
  ["final p50", (s) => rounded(s.latency.eventToFinal.p50)],
  ["p99", (s) => rounded(s.latency.eventToFinal.p99)],
  ["tx/turn", (s) => rounded(s.temporal.transactionsPerTurn)],
  ["cpu ms/turn", (s) => rounded(s.cpuMillisecondsPerTurn)],
  ["most cpu", (s) => `${s.saturation.largest} ${rounded(s.saturation.largestCores)}`],
  ["limit", (s) => s.saturation.limit],
];

function rounded(value: number | null): string {
  if (value === null) return "–";
  return value >= 1_000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

/** Cores something else may use before figures are worth a warning. */
const NOISE_CORES = 0.2;

export function sayComparison({ targets }: Comparison): void {
  const titles = ["", ...COLUMNS.map(([title]) => title)];
  const cells = Object.entries(targets).map(([name, summary]) => [name, ...COLUMNS.map(([, cell]) => cell(summary))]);
  const rows = [titles, ...cells];
  const widths = titles.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) say(row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));

  const summaries = Object.values(targets);
  const others = Math.max(...summaries.map(({ saturation }) => saturation.busyCores - saturation.usedCores));
  if (others <= NOISE_CORES) return;
  say(`WARNING something else on this machine used ${others.toFixed(2)} cores: measure again when it is quiet.`);
}

/** Says what was lost, duplicated or garbled; gives whether nothing was. */
export function sayFaults(faults: readonly string[]): boolean {
  for (const fault of faults.slice(0, 20)) say(`FAULT ${fault}`);
  if (faults.length > 20) say(`… and ${faults.length - 20} more`);
  return faults.length === 0;
}
