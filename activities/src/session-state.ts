import { type SessionKey, type Step, type Turn, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState, type StepRequest } from "@holdfast/internal";
import type { Begun, SessionLog } from "@holdfast/session-log";
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

export interface ConversationDeps {
  log: Pick<SessionLog, "putSnapshot">;
  /** `querySessionState`; rejects when the attempt is cancelled. */
  queryState(key: SessionKey): Promise<SessionState>;
}

/** What was said in a session before a step. */
export interface Conversation {
  /** Committed turns, oldest first. */
  turns: Turn[];
  /** Earlier steps of the step's own turn. */
  steps: Step[];
}

/**
 * The conversation as the log's cache has it, or, where it lacks something, as the workflow has it, which then warms the cache.
 * Undefined when the workflow is past this step, so that nobody waits for its answer. Rejects when the workflow cannot be asked:
 * an answer out of context would be worse than a retry.
 */
export async function readConversation(
  deps: ConversationDeps,
  request: StepRequest,
  contextTurns: number,
  begun: Begun | undefined,
): Promise<Conversation | undefined> {
  const cachedTurns = contextTurns === 0 ? [] : begun?.turns;
  const cachedSteps = request.step === 1 ? [] : begun?.steps;
  if (cachedTurns !== undefined && cachedSteps !== undefined) return { turns: cachedTurns, steps: cachedSteps };
  const state = await deps.queryState(request.key);
  // Warming the cache is a courtesy to whoever comes next: nobody waits for it, and a Redis that is away stays cold.
  deps.log.putSnapshot(request.key, state).catch(() => {});
  const steps = cachedSteps ?? earlierSteps(state, request);
  return steps && { turns: cachedTurns ?? state.snapshot.turns, steps };
}

function earlierSteps({ epoch, snapshot }: SessionState, request: StepRequest): Step[] | undefined {
  const { running } = snapshot;
  if (epoch !== request.epoch || running?.turn !== request.turn) return undefined;
  return running.steps.length === request.step - 1 ? running.steps : undefined;
}
