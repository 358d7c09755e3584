import type { RespondRequest, RespondResult } from "@holdfast/contract";
import { ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { type Activity, Attempt, type AttemptDeps } from "./attempt.ts";
import { RESPOND_DEFAULTS, type RespondConfig } from "./config.ts";
import { failureOf } from "./failures.ts";
import { keepHeartbeating } from "./heartbeat.ts";
import { NO_METRICS, type AttemptOutcome, type RespondMetrics } from "./metrics.ts";
import { ModelError } from "./models/model-error.ts";
import { labelsOf, type Model, type Models } from "./models/model.ts";

export interface RespondDeps extends Omit<AttemptDeps, "metrics" | "config"> {
  models: Models;
  metrics?: RespondMetrics;
  config?: Partial<RespondConfig>;
}

/** Activity `respond`: one step of a turn by a model, streamed to the session's readers while it is being made. */
export interface RespondActivity {
  respond: (request: RespondRequest) => Promise<RespondResult>;
}

export function createRespond(deps: RespondDeps): RespondActivity {
  const metrics = deps.metrics ?? NO_METRICS;
  const config = { ...RESPOND_DEFAULTS, ...deps.config };
  return {
    respond: async (request) => {
      const context = Context.current();
      const model = resolve(deps.models, request, config);
      const labels = labelsOf(model);
      const stopHeartbeating = keepHeartbeating(() => context.heartbeat(), context.info.heartbeatTimeoutMs);
      metrics.started(labels, context.info.attempt);
      try {
        const attempt = new Attempt({ ...deps, metrics, config }, request, activityOf(context), model);
        const result = await attempt.run();
        metrics.ended(labels, result.finish === "interrupted" ? "stopped" : "completed");
        return result;
      } catch (error) {
        metrics.ended(labels, outcomeOf(error));
        throw error;
      } finally {
        stopHeartbeating();
      }
    },
  };
}

function resolve(models: Models, { request }: RespondRequest, { retry }: RespondConfig): Model {
  try {
    return models.resolve(request);
  } catch (error) {
    throw error instanceof ModelError ? failureOf(error, 1, retry) : error;
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
