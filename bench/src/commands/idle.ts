import type { CommonOptions } from "../options.ts";
import { compare } from "../report/comparison.ts";
import { say } from "../report/report.ts";
import { report, trialSettings, withSystem } from "./run.ts";

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
