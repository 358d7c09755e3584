import { Trial, type TrialSettings } from "../load/trial.ts";
import type { System } from "../system/system.ts";
import { ratios, summarize, type Ratios, type Summary } from "./summary.ts";

/** The targets of one run under the same load, and Holdfast's figures over the others'. */
export interface Comparison {
  targets: Record<string, Summary>;
  toFloor?: Ratios;
  toBareTemporal?: Ratios;
}

/**
 * Measures every target of the system in `rounds` windows each, taking turns, so that whatever else the machine does
 * meanwhile falls on all of them.
 */
export async function compare(
  system: System,
  settings: TrialSettings,
  rounds: number,
  onProgress: (line: string) => void,
): Promise<Comparison> {
  const trials: Trial[] = [];
  for (const target of system.targets) trials.push(await Trial.prepare(target, settings, system.gauges));
  for (let round = 1; round <= rounds; round++) {
    for (const trial of trials) {
      onProgress(`round ${round} of ${rounds}: ${trial.target.name}`);
      await trial.round();
    }
  }
  const targets: Record<string, Summary> = {};
  for (const trial of trials) {
    const processes = [...system.gauges.processes, ...trial.target.processes];
    targets[trial.target.name] = summarize(await trial.figures(), processes);
  }
  const { holdfast, floor, bareTemporal } = targets;
  return {
    targets,
    ...(holdfast && floor ? { toFloor: ratios(holdfast, floor) } : {}),
    ...(holdfast && bareTemporal ? { toBareTemporal: ratios(holdfast, bareTemporal) } : {}),
  };
}
