import type { CommonOptions } from "../options.ts";
import { compareAndReport } from "./run.ts";

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
