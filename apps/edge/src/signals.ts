import { wireError, workflowIdOf } from "@holdfast/contract";
import { SIGNAL_EVENTS, TASK_QUEUE_SESSIONS, WORKFLOW_TYPE, type SessionStart } from "@holdfast/internal";
import type { Client } from "@temporalio/client";
import type { Signal, SignalOutcome } from "./submission.ts";
import { classifyTemporalFailure, reasonOf } from "./temporal-failure.ts";

/** A call that hangs (a paused server, a dead route) must become a retry; the SDK itself would wait forever. */
const SIGNAL_DEADLINE_MS = 10_000;

/**
 * Delivers batches by signal-with-start: the answer of the server is the durability the client is told of. A batch
 * may arrive twice (a lost answer); the session drops what it has seen.
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
    // Signal-with-start creates what it does not find: this is the namespace, and an operator's to repair.
    case "not_found":
      return { outcome: "retry", reason };
    case "too_large":
      return { outcome: "refused", error: wireError("too_large", "Temporal does not take a batch of this size.") };
    case "permanent":
      return { outcome: "refused", error: wireError("internal", "Temporal refused the batch."), reason };
  }
}
