import { sessionPath, wireError, workflowIdOf } from "@holdfast/contract";
import { SIGNAL_EVENTS, TASK_QUEUE_SESSIONS, WORKFLOW_TYPE, type SessionStart } from "@holdfast/internal";
import type { Client } from "@temporalio/client";
import type { Signal, SignalOutcome } from "./session-queue.ts";
import { classifyTemporalFailure, reasonOf } from "../temporal.ts";

/** A call that hangs (a paused server, a dead route) must become a retry; the SDK itself would wait forever. */
const SIGNAL_DEADLINE_MS = 10_000;

/**
 * Delivers batches by signal-with-start. When the server answers, the batch is durable. A batch may arrive twice, after a lost
 * answer; the session drops the repeated events.
 */
export function createSignal(client: Client, lane: string): Signal {
  return async ({ key, agent }, batch) => {
    const start: SessionStart = { key, agent, lane };
    try {
      await client.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
        client.workflow.signalWithStart(WORKFLOW_TYPE, {
          workflowId: workflowIdOf(key),
          taskQueue: TASK_QUEUE_SESSIONS,
          args: [start],
          signal: SIGNAL_EVENTS,
          signalArgs: [batch],
          // For operators, in Temporal's own tools.
          memo: { tenant: key.tenant, owner: key.owner, agent },
        }),
      );
      return { outcome: "durable" };
    } catch (error) {
      return outcomeOf(error);
    }
  };
}

function outcomeOf(error: unknown): SignalOutcome {
  const reason = reasonOf(error);
  switch (classifyTemporalFailure(error)) {
    case "transient":
    case "overloaded":
    // Signal-with-start creates a workflow that it does not find. So it is the namespace that is missing: an operator has to create it.
    case "not_found":
      return { outcome: "retry", reason };
    case "too_large":
      return { outcome: "refused", error: wireError("too_large", "Temporal does not take a batch of this size.") };
    case "permanent":
      return { outcome: "refused", error: wireError("internal", "Temporal refused the batch."), reason };
  }
}

/** Milliseconds from one warning to the next: an outage fails many signals. */
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
    // Only the client is told of the refusal, and operators would not know.
    if (result.outcome === "refused" && result.reason !== undefined) warn(result.reason);
    if (failing.size > 0) arrived(sessionPath(target.key));
    return result;
  };
}
