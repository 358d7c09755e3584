import type { Violation } from "../chaos/checker.ts";
import type { EdgePeaks } from "./edge-probe.ts";
import type { FloodFigures } from "./outage-flood.ts";
import type { Welcome } from "./outage-visitor.ts";
import type { ProcessFigures } from "./outage-processes.ts";

/** What one outage showed. Times in milliseconds. */
export interface OutageResult {
  name: string;
  /** Events sent while all the servers were away, and those of them that were durable before any came back. */
  sent: number;
  acked: number;
  violations: Violation[];
  /** Rules that did not hold, in words. */
  broken: string[];
  ackMs: { before: number[]; during: number[] };
  /** From the servers' end until every view said `degraded`; undefined where Redis was there. */
  toldMs: number | undefined;
  newcomers: Welcome[];
  floods: FloodFigures[];
  /** Of each client: from the last return until it held what its workflow did, all it had sent was durable, and it was told so. */
  convergedMs: number[];
  /** Of each session nobody watched: from the last return until its log was exact. */
  healedMs: number[];
  /** From the last return until all was said and answered. */
  restMs: number;
  /** Of all edges, in each second from the last return on. */
  signalsPerSecond: number[];
  processes: Record<string, ProcessFigures>;
  edges: EdgePeaks[];
}

export function emptyResult(name: string): OutageResult {
  return {
    name,
    sent: 0,
    acked: 0,
    violations: [],
    broken: [],
    ackMs: { before: [], during: [] },
    toldMs: undefined,
    newcomers: [],
    floods: [],
    convergedMs: [],
    healedMs: [],
    restMs: 0,
    signalsPerSecond: [],
    processes: {},
    edges: [],
  };
}
