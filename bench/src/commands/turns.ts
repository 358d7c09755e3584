import type { CommonOptions } from "../options.ts";
import { compareAndReport } from "./run.ts";

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
