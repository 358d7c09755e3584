import type { PublishActivities } from "@holdfast/activities/publish";
import type { RecallActivities } from "@holdfast/activities/recall";
import type { RepairActivities } from "@holdfast/activities/repair";
import {
  laneTaskQueue,
  type SessionStart,
  type StepRequest,
  type StepResult,
  TASK_QUEUE_SESSIONS,
} from "@holdfast/internal/temporal";
import { proxyActivities, proxyLocalActivities } from "@temporalio/workflow";

/**
 * Local activities: they run in the workflow task that decided on them, and a commit they publish is not in history.
 * They try for a moment themselves and report the outcome, so Temporal does not retry them. No schedule-to-start limit:
 * on a loaded worker waiting is better than giving up on Redis that is there.
 */
export const { publish, requestStop, heldStep } = proxyLocalActivities<PublishActivities>({
  startToCloseTimeout: "5s",
  retry: { maximumAttempts: 1 },
});

/**
 * In the first workflow task of every session, before anything else. A search and a Query where there is something to recall;
 * for a session that is new one look at the log.
 */
export const { recall } = proxyLocalActivities<RecallActivities>({
  startToCloseTimeout: "10s",
  scheduleToCloseTimeout: "40s",
  retry: { initialInterval: "200ms", backoffCoefficient: 2, maximumInterval: "5s" },
});

export const { repair } = proxyActivities<RepairActivities>({
  taskQueue: TASK_QUEUE_SESSIONS,
  // One attempt waits for Redis by itself, so that an outage does not turn into retries at the Temporal server.
  startToCloseTimeout: "2m",
  heartbeatTimeout: "15s",
  retry: { initialInterval: "1s", backoffCoefficient: 1.5, maximumInterval: "5s" },
});

interface StepActivities {
  respond(request: StepRequest): Promise<StepResult>;
}

/** Temporal accepts fairness keys of up to 64 bytes; tenants whose names begin alike then share a place in the queue. */
const FAIRNESS_KEY_BYTES = 64;

/**
 * What a step gets beyond the turn's deadline, for Temporal's sake. The worker holds the deadline; to Temporal the time it
 * was away itself, or waited for a worker, looks just like the time a model takes, and an answer that readers have seen must not be
 * thrown away because the server heard of it late. It is the end, too, of a turn that no worker ever takes up.
 */
const ENGINE_PATIENCE_MS = 60 * 60_000;

/**
 * How often Temporal begins a step anew. Not how often a model is asked, which the worker counts: an attempt may also end because
 * its worker died, or because Temporal was away and takes it for dead. It is a bound for a step that kills every worker.
 */
const ATTEMPTS = 50;

/** One step of a turn, on the session's lane. No transcript goes with it: what a turn adds to history must not grow with the conversation. */
export function respond({ key, lane }: SessionStart, request: StepRequest): Promise<StepResult> {
  const longestMs = request.budgetMs + ENGINE_PATIENCE_MS;
  const activities = proxyActivities<StepActivities>({
    taskQueue: laneTaskQueue(lane),
    scheduleToCloseTimeout: longestMs,
    startToCloseTimeout: longestMs,
    // A dead worker costs seconds.
    heartbeatTimeout: "3s",
    // The activity adds jitter and honours Retry-After by setting the delay of single attempts.
    retry: { initialInterval: "250ms", backoffCoefficient: 2, maximumInterval: "10s", maximumAttempts: ATTEMPTS },
    cancellationType: "WAIT_CANCELLATION_COMPLETED",
    // Never on the orchestrator, and eager dispatch would pass by the lane's fairness.
    allowEagerDispatch: false,
    priority: { fairnessKey: key.tenant.slice(0, FAIRNESS_KEY_BYTES) },
  });
  return activities.respond(request);
}
