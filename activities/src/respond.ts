import type { StepRequest, StepResult } from "@holdfast/internal";
import { ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { type Activity, Attempt, type AttemptDeps } from "./attempt.ts";
import { RESPOND_DEFAULTS, type RespondConfig } from "./config.ts";
import { failureOf } from "./failures.ts";
import { NO_METRICS, type AttemptOutcome, type RespondMetrics } from "./metrics.ts";
import { ModelError } from "./models/model-error.ts";
import { labelsOf, type Model, type Models } from "./models/model.ts";
import { keepHeartbeating, StepProgress } from "./step-progress.ts";

export interface RespondDeps extends Omit<AttemptDeps, "metrics" | "config"> {
  models: Models;
  metrics?: RespondMetrics;
  config?: Partial<RespondConfig>;
}

/** Activity `respond`: one step of a turn by a model, streamed to the session's readers while it is being made. */
export interface RespondActivity {
  respond: (request: StepRequest) => Promise<StepResult>;
}

export function createRespond(deps: RespondDeps): RespondActivity {
  const metrics = deps.metrics ?? NO_METRICS;
  const config = { ...RESPOND_DEFAULTS, ...deps.config };
  return {
    respond: async (request) => {
      const context = Context.current();
      const progress = new StepProgress(request.budgetMs, context.info.heartbeatDetails);
      const model = await resolve(deps.models, request, config, progress);
      const labels = labelsOf(model);
      const { attempt, heartbeatTimeoutMs } = context.info;
      const heartbeat = (): void => context.heartbeat(progress.toDetails());
      const stopHeartbeating = keepHeartbeating(heartbeat, heartbeatTimeoutMs);
      metrics.started(labels, attempt);
      try {
        const activity = activityOf(context, progress);
        const result = await new Attempt({ ...deps, metrics, config }, request, activity, model).run();
        metrics.ended(labels, result.finish === "interrupted" ? "stopped" : "completed");
        return result;
      } catch (error) {
        metrics.ended(labels, outcomeOf(error));
        // The next attempt goes by it.
        if (heartbeatTimeoutMs !== undefined) heartbeat();
        throw error;
      } finally {
        stopHeartbeating();
      }
    },
  };
}

async function resolve(
  models: Models,
  { request }: StepRequest,
  { retry }: RespondConfig,
  progress: StepProgress,
): Promise<Model> {
  try {
    return await models.resolve(request);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    progress.noteFailure(error.failure);
    throw failureOf(error, 1, progress, retry);
  }
}

function activityOf(context: Context, progress: StepProgress): Activity {
  const { cancellationSignal: signal, info, log } = context;
  return {
    attempt: info.attempt,
    progress,
    warn: (message, attributes) => log.warn(message, attributes),
    onCancel: (listener) => {
      const cancelled = (): void => listener(whyCancelled(context));
      if (signal.aborted) cancelled();
      else signal.addEventListener("abort", cancelled, { once: true });
      return () => signal.removeEventListener("abort", cancelled);
    },
  };
}

/** A workflow cancels an attempt only to interrupt its turn: then the stop flag did not get through. */
function whyCancelled({ cancellationSignal }: Context): "stopped" | "shutdown" | "cancelled" {
  const reason: unknown = cancellationSignal.reason;
  switch (reason instanceof CancelledFailure ? reason.message : "") {
    case "CANCELLED":
      return "stopped";
    case "WORKER_SHUTDOWN":
      return "shutdown";
    default:
      return "cancelled";
  }
}

function outcomeOf(error: unknown): AttemptOutcome {
  if (!(error instanceof ApplicationFailure)) return "cancelled";
  switch (error.type) {
    case "breaker_open":
      return "breaker_open";
    case "superseded":
      return "superseded";
    case "worker_shutdown":
      return "shutdown";
    case "turn_deadline":
      return "deadline";
    default:
      return error.nonRetryable === true ? "refused" : "unavailable";
  }
}
