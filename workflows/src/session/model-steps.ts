import { markOf } from "@holdfast/contract/marks";
import type { ModelRequest, RespondRequest, RespondResult, SessionStart } from "@holdfast/internal/temporal";
import { laneTaskQueue } from "@holdfast/internal/temporal";
import { CancellationScope, proxyActivities } from "@temporalio/workflow";
import { guardLoops } from "./loop-guard.ts";
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

/**
 * Runs one step of a turn as an activity on the session's lane.
 * Throws TurnStopped after an interrupt, and TurnFailure when the step failed for good. Never settles once the turn has
 * ended: what its agent did not wait for must not go on from here.
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
    const result = await respondActivity(start, step)(respondRequest(start, log.epoch, run, step));
    if (run.ended) return await never();
    run.stepFinished(result);
    guardLoops();
    return result;
  } catch (error) {
    if (run.ended) return never();
    const held = await CancellationScope.nonCancellable(() => log.heldText(run.turn));
    if (run.ended) return never();
    run.stepBroke(held);
    guardLoops();
    // An interrupt ends the step in whatever way comes first: cancellation, or an attempt that fails, or whose worker dies,
    // and is not retried because cancellation was asked for. Either way readers keep what they have.
    if (run.stopped) throw new TurnStopped();
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
    scheduleToCloseTimeout: step.remainingMs + ENGINE_PATIENCE_MS,
    startToCloseTimeout: step.remainingMs + ENGINE_PATIENCE_MS,
    // A dead worker costs seconds.
    heartbeatTimeout: "3s",
    // The activity adds jitter and honours Retry-After by setting the delay of single attempts.
    retry: { initialInterval: "250ms", backoffCoefficient: 2, maximumInterval: "10s", maximumAttempts: ATTEMPTS },
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
  epoch: number,
  { turn, version, input, said }: TurnRun,
  { step, request, remainingMs: budgetMs }: Step,
): RespondRequest {
  const applied = { [markOf(input.by, input.producer)]: input.seq };
  const textBefore = said.length;
  return { key, epoch, agent, turn, step, version, inputs: [input], applied, textBefore, budgetMs, request };
}
