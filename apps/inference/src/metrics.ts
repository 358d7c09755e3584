import type { Breakers } from "@holdfast/activities/breakers";
import type { ModelLabels, RespondMetrics } from "@holdfast/activities/metrics";
import { createMetrics, LATENCY_BUCKETS } from "@holdfast/service/metrics";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface InferenceMetrics {
  registry: Registry;
  respond: RespondMetrics;
}

const MODEL = ["provider", "model"] as const;
/** Models told apart in metrics. */
const MOST_MODELS = 100;
const STATES = { closed: 0, "half-open": 1, open: 2 } as const;

export function inferenceMetrics(breakers: Breakers): InferenceMetrics {
  const registry = createMetrics("inference");
  const registers = [registry];
  const running = new Gauge({
    name: "holdfast_model_attempts_running",
    help: "Model calls under way.",
    labelNames: MODEL,
    registers,
  });
  const attempts = new Counter({
    name: "holdfast_model_attempts_total",
    help: "Finished attempts of model calls, by outcome.",
    labelNames: [...MODEL, "outcome"],
    registers,
  });
  const retries = new Counter({
    name: "holdfast_model_retries_total",
    help: "Attempts that were not the first of their step.",
    labelNames: MODEL,
    registers,
  });
  const firstText = new Histogram({
    name: "holdfast_model_first_text_seconds",
    help: "From the start of an attempt to the model's first text.",
    labelNames: MODEL,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const failures = new Counter({
    name: "holdfast_model_failures_total",
    help: "Model calls that gave no whole answer, by what went wrong.",
    labelNames: [...MODEL, "class"],
    registers,
  });
  const tokens = new Counter({
    name: "holdfast_model_tokens_total",
    help: "Tokens by the provider's own count.",
    labelNames: [...MODEL, "direction"],
    registers,
  });
  registerBreakers(breakers, registry);
  const bounded = boundedLabels();
  const respond: RespondMetrics = {
    started(labels, attempt) {
      running.inc(bounded(labels));
      if (attempt > 1) retries.inc(bounded(labels));
    },
    ended(labels, outcome) {
      running.dec(bounded(labels));
      attempts.inc({ ...bounded(labels), outcome });
    },
    firstText: (labels, seconds) => firstText.observe(bounded(labels), seconds),
    failed: (labels, failure) => failures.inc({ ...bounded(labels), class: failure }),
    tokens(labels, { inputTokens = 0, outputTokens = 0 }) {
      tokens.inc({ ...bounded(labels), direction: "input" }, inputTokens);
      tokens.inc({ ...bounded(labels), direction: "output" }, outputTokens);
    },
  };
  return { registry, respond };
}

/**
 * A metric never forgets a label it has seen, and the model's name is an agent's to choose: from here on whatever is new counts as
 * one model. Never the other way round, so that what was counted up is counted down under the same name.
 */
function boundedLabels(): (labels: ModelLabels) => ModelLabels {
  const known = new Set<string>();
  return (labels) => {
    const id = `${labels.provider}/${labels.model}`;
    if (known.size < MOST_MODELS) known.add(id);
    return known.has(id) ? labels : { ...labels, model: "other" };
  };
}

function registerBreakers(breakers: Breakers, registry: Registry): void {
  const gauge: Gauge<"provider" | "model"> = new Gauge({
    name: "holdfast_breaker_state",
    help: "Circuit breaker of a model at this worker: 0 closed, 1 half-open, 2 open.",
    labelNames: MODEL,
    registers: [registry],
    collect() {
      gauge.reset();
      for (const { provider, model, state } of breakers.report()) gauge.set({ provider, model }, STATES[state]);
    },
  });
}
