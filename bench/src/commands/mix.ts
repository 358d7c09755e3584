import type { LoadShape } from "../load/shape.ts";
import type { EventKind } from "../load/target.ts";
import type { CommonOptions } from "../options.ts";
import { compare } from "../report/comparison.ts";
import { say } from "../report/report.ts";
import { report, trialSettings, withSystem } from "./run.ts";
import { findHighestRate, type Probe } from "./search.ts";

export interface MixOptions extends CommonOptions {
  /** Events per second over all sessions. */
  rate: number;
  observes: number;
  search: boolean;
  searchSeconds: number;
  searchP99: number;
}

/** Days are even in this bench; peaks are what the search is for. */
export function mix(options: MixOptions): Promise<number> {
  const burst: EventKind[] = ["input", ...Array.from({ length: options.observes }, (): EventKind => "observe")];
  const shapeOf = (kinds: EventKind[], eventsPerSecond: number): LoadShape => ({
    loop: "open",
    burst: kinds,
    burstsPerSecond: eventsPerSecond / kinds.length,
    arrivals: options.arrivals,
    seed: options.seed,
  });
  const shape = shapeOf(burst, options.rate);
  return withSystem(options, async (system) => {
    const comparison = await compare(system, trialSettings(options, shape), options.rounds, (line) => say(`· ${line}`));
    let highest: { mix: Probe[]; inputs: Probe[] } | undefined;
    if (options.search) {
      const limits = { seconds: options.searchSeconds, p99Ms: options.searchP99, sessions: options.sessions };
      highest = {
        mix: await findHighestRate(system, "mix", (rate) => shapeOf(burst, rate), options.rate, limits),
        inputs: await findHighestRate(system, "inputs", (rate) => shapeOf(["input"], rate), options.rate / 2, limits),
      };
    }
    const clean = report("mix", { ...options, shape }, comparison, highest === undefined ? {} : { highest });
    return clean && Object.values(highest ?? {}).every((probes) => probes.every(({ faults }) => faults.length === 0));
  });
}
