import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { cancellationSignal } from "@temporalio/activity";
import type { Client } from "@temporalio/client";

/**
 * The session's state as its workflow has it. To be asked from an activity, whose cancellation ends the question: while every
 * orchestrator drains nobody answers, Temporal lets a question wait for ten seconds, and a worker that cannot end its
 * activities within its grace ends by an error.
 */
export async function querySessionState(client: Client, key: SessionKey): Promise<SessionState> {
  const signal = cancellationSignal();
  // The client listens for the signal only from here on.
  signal.throwIfAborted();
  return client.withAbortSignal(signal, () =>
    client.workflow.getHandle(workflowIdOf(key)).query<SessionState>(QUERY_SNAPSHOT),
  );
}
