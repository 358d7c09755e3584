import type { ModelRequest, RespondRequest, RespondResult, SessionStart } from "@holdfast/contract/temporal";
import { laneTaskQueue } from "@holdfast/contract/temporal";
import { CancellationScope, isCancellation, proxyActivities } from "@temporalio/workflow";
import type { LogWriter } from "./log-writer.ts";
import { stepFailure } from "./step-failure.ts";
import type { Step, TurnRun } from "./turn-run.ts";
import { TurnStopped } from "./turn-failure.ts";

interface ModelActivities {
  respond(request: RespondRequest): Promise<RespondResult>;
}

/** Temporal accepts fairness keys of up to 64 bytes; tenants whose names begin alike then share a place in the queue. */
const FAIRNESS_KEY_BYTES = 64;

/**
 * Runs one step of a turn as an activity on the session's lane.
 * Throws TurnStopped after an interrupt, TurnFailure when the step failed for good, and cancellation of the workflow
 * itself as it came. Never settles once the turn has ended: what its agent did not wait for must not go on from here.
 */
export async function runStep(
  start: SessionStart,
  run: TurnRun,
  log: LogWriter,
  request: ModelRequest,
): Promise<RespondResult> {
  if (run.ended) return never();
  const step = run.beginStep(request);
  try {
    const result = await respondActivity(start, step)(respondRequest(start, log.incarnation, run, step));
    if (run.ended) return await never();
    run.stepFinished(result);
    return result;
  } catch (error) {
    if (run.ended) return never();
    // An interrupt ends the step in whatever way comes first: cancellation, or an attempt that fails, or whose worker dies,
    // and is not retried because cancellation was asked for. Either way readers keep what they have.
    if (run.stopped) {
      run.stepCancelled(await CancellationScope.nonCancellable(() => log.heldText(run.turn)));
      throw new TurnStopped();
    }
    if (isCancellation(error)) throw error;
    const failure = stepFailure(error);
    run.stepFailed(failure);
    throw failure;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function respondActivity({ key, lane }: SessionStart, step: Step): ModelActivities["respond"] {
  const { respond } = proxyActivities<ModelActivities>({
    taskQueue: laneTaskQueue(lane),
    // The turn's deadline, held by the server: a timer of the workflow's would cost events in every turn.
    scheduleToCloseTimeout: step.remainingMs,
    startToCloseTimeout: step.remainingMs,
    // A dead worker costs seconds.
    heartbeatTimeout: "3s",
    // The activity adds jitter and honours Retry-After by setting the delay of single attempts.
    retry: { initialInterval: "250ms", backoffCoefficient: 2, maximumInterval: "10s", maximumAttempts: 8 },
    cancellationType: "WAIT_CANCELLATION_COMPLETED",
    // Never on the orchestrator, and eager dispatch would pass by the lane's fairness.
    allowEagerDispatch: false,
    priority: { fairnessKey: key.tenant.slice(0, FAIRNESS_KEY_BYTES) },
  });
  return respond;
}

/** No transcript in it: what a turn adds to history must not grow with the conversation. */
function respondRequest(
  { key, agent }: SessionStart,
  incarnation: number,
  { turn, version, input, text }: TurnRun,
  { step, request, remainingMs: budgetMs }: Step,
): RespondRequest {
  const applied = { [input.producer]: input.seq };
  const textBefore = text.length;
  return { key, incarnation, agent, turn, step, version, inputs: [input], applied, textBefore, budgetMs, request };
}
