import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Comparison } from "./comparison.ts";
import type { Summary } from "./summary.ts";

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

/** Latencies in milliseconds, CPU in cores. */
export function sayTable(comparison: Comparison): void {
  const rows = [["", ...COLUMNS.map(([title]) => title)]];
  for (const [name, summary] of Object.entries(comparison.targets)) {
    rows.push([name, ...COLUMNS.map(([, cell]) => cell(summary))]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) say(row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
}

/** Cores something else may use before figures are worth a warning. */
const NOISE_CORES = 0.2;

export function sayNoise(summaries: Summary[]): void {
  const others = Math.max(...summaries.map(({ saturation }) => saturation.busyCores - saturation.usedCores));
  if (others <= NOISE_CORES) return;
  say(`WARNING something else on this machine used ${others.toFixed(2)} cores: measure again when it is quiet.`);
}

/** True when nothing was lost, duplicated or garbled; says what was. */
export function sayFaults(summaries: Summary[]): boolean {
  const faults = summaries.flatMap((summary) => summary.faults);
  for (const fault of faults.slice(0, 20)) say(`FAULT ${fault}`);
  if (faults.length > 20) say(`… and ${faults.length - 20} more`);
  return faults.length === 0;
}
