import type { LoadShape } from "../load/shape.ts";
import type { TrialSettings } from "../load/trial.ts";
import { systemSettings, type CommonOptions } from "../options.ts";
import { compare, type Comparison } from "../report/comparison.ts";
import { machine, printJson, say, sayFaults, sayNoise, sayTable } from "../report/report.ts";
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

export function trialSettings(options: CommonOptions, shape: LoadShape): TrialSettings {
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
