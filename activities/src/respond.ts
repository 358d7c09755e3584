import type { RespondRequest, RespondResult } from "@holdfast/contract";
import { ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { Attempt, labelsOf, type Activity, type AttemptDeps } from "./attempt.ts";
import { RESPOND_DEFAULTS, type RespondConfig } from "./config.ts";
import { refused } from "./failures.ts";
import { keepHeartbeating } from "./heartbeat.ts";
import { NO_METRICS, type AttemptOutcome, type RespondMetrics } from "./metrics.ts";
import { ModelError } from "./models/model-error.ts";
import type { Model, Models } from "./models/model.ts";

export type RespondDeps = Omit<AttemptDeps, "metrics" | "config"> & {
  metrics?: RespondMetrics;
  config?: Partial<RespondConfig>;
};

/** Activity `respond`: one step of a turn by a model, streamed to the session's readers while it is being made. */
export interface RespondActivity {
  respond: (request: RespondRequest) => Promise<RespondResult>;
}

export function createRespond(deps: RespondDeps): RespondActivity {
  const complete: AttemptDeps = {
    ...deps,
    metrics: deps.metrics ?? NO_METRICS,
    config: { ...RESPOND_DEFAULTS, ...deps.config },
  };
  return { respond: (request) => respond(complete, request) };
}

async function respond(deps: AttemptDeps, request: RespondRequest): Promise<RespondResult> {
  const context = Context.current();
  const model = resolve(deps.models, request);
  const labels = labelsOf(model);
  const stopHeartbeating = keepHeartbeating(() => context.heartbeat(), context.info.heartbeatTimeoutMs);
  deps.metrics.started(labels, context.info.attempt);
  try {
    const result = await new Attempt(deps, request, activityOf(context), model).run();
    deps.metrics.attempt(labels, result.stopped ? "stopped" : "completed");
    return result;
  } catch (error) {
    deps.metrics.attempt(labels, outcomeOf(error));
    throw error;
  } finally {
    stopHeartbeating();
  }
}

function resolve(models: Models, request: RespondRequest): Model {
  try {
    return models.resolve(request.request);
  } catch (error) {
    throw error instanceof ModelError ? refused(error) : error;
  }
}

function activityOf(context: Context): Activity {
  const { cancellationSignal: signal, info } = context;
  return {
    attempt: info.attempt,
    scheduledAt: info.scheduledTimestampMs,
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
    case "model_refused":
      return "refused";
    case "breaker_open":
      return "breaker_open";
    case "superseded":
      return "superseded";
    case "worker_shutdown":
      return "shutdown";
    default:
      return "unavailable";
  }
}
