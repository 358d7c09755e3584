import { sessionPath } from "@holdfast/contract";
import type { Signal } from "./submission.ts";

/** Milliseconds from one warning to the next: an outage fails many signals, and one word of it is enough. */
const INTERVAL_MS = 30_000;

interface ReportLog {
  warn(about: object, message: string): void;
  info(message: string): void;
}

/**
 * Tells operators of signals that fail, as clients, who only wait, cannot: when they begin to, every now and then while they
 * do, and when all that failed have arrived. `now`: a clock in milliseconds.
 */
export function reportFailures(signal: Signal, log: ReportLog, now: () => number = () => performance.now()): Signal {
  /** Sessions whose batch failed and is sent again. */
  const failing = new Set<string>();
  /** Since the last warning. */
  let failures = 0;
  let lastWarning = Number.NEGATIVE_INFINITY;
  let isToldOf = false;

  function warn(reason: string): boolean {
    failures++;
    if (now() - lastWarning < INTERVAL_MS) return false;
    log.warn({ reason, failures, sessions: failing.size }, "signals to Temporal fail");
    lastWarning = now();
    failures = 0;
    return true;
  }

  function arrived(session: string): void {
    failing.delete(session);
    if (failing.size > 0 || !isToldOf) return;
    isToldOf = false;
    log.info("signals to Temporal arrive again");
  }

  return async (target, batch) => {
    const result = await signal(target, batch);
    if (result.outcome === "retry") {
      failing.add(sessionPath(target.key));
      if (warn(result.reason)) isToldOf = true;
      return result;
    }
    // Its client is told that it is refused, and nobody else.
    if (result.outcome === "refused" && result.reason !== undefined) warn(result.reason);
    if (failing.size > 0) arrived(sessionPath(target.key));
    return result;
  };
}
