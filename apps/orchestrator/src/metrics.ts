import type { PublishDependencies } from "@holdfast/activities/publish";
import type { Logger } from "@holdfast/service/log";
import { createMetrics } from "@holdfast/service/metrics";
import { Counter, type Registry } from "prom-client";

export interface OrchestratorMetrics {
  registry: Registry;
  onOutcome: NonNullable<PublishDependencies["onOutcome"]>;
}

export function orchestratorMetrics(log: Logger): OrchestratorMetrics {
  const registry = createMetrics("orchestrator");
  const outcomes = new Counter({
    name: "holdfast_log_writes_total",
    help: "What became of the workflows' writes to session logs; unreachable ones are healed later.",
    labelNames: ["operation", "outcome"],
    registers: [registry],
  });
  return {
    registry,
    onOutcome(operation, outcome, error) {
      outcomes.inc({ operation, outcome });
      if (outcome === "unreachable") log.warn({ err: error, operation }, "the session log could not be written");
    },
  };
}
