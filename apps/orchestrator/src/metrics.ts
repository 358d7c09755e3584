import type { RepairDeps } from "@holdfast/activities/repair";
import type { PublishDeps } from "@holdfast/activities/publish";
import type { RecallDeps } from "@holdfast/activities/recall";
import type { Logger } from "@holdfast/service/log";
import { createMetrics, LATENCY_BUCKETS } from "@holdfast/service/metrics";
import { Counter, Histogram, type Registry } from "prom-client";

export interface OrchestratorMetrics {
  registry: Registry;
  onAccess: NonNullable<PublishDeps["onAccess"]>;
  onRepaired: NonNullable<RepairDeps["onRepaired"]>;
  onRecalled: NonNullable<RecallDeps["onRecalled"]>;
}

export function orchestratorMetrics(log: Logger): OrchestratorMetrics {
  const registry = createMetrics("orchestrator");
  const registers = [registry];
  const accesses = new Histogram({
    name: "holdfast_log_access_seconds",
    help: "The workflows' uses of session logs, with all tries; what was unreachable is repaired later.",
    labelNames: ["operation", "outcome"],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const repairs = new Counter({
    name: "holdfast_log_repairs_total",
    help: "Session logs brought up to their workflow after they missed a frame.",
    labelNames: ["outcome"],
    registers,
  });
  const recalls = new Counter({
    name: "holdfast_sessions_recalled_total",
    help: "Sessions that follow one which was ended from outside; found: whether Temporal still had its transcript.",
    labelNames: ["found"],
    registers,
  });
  return {
    registry,
    onAccess({ operation, outcome, seconds, error }) {
      accesses.observe({ operation, outcome }, seconds);
      if (outcome === "unreachable") log.warn({ err: error, operation }, "a session log is out of reach");
    },
    onRepaired: (outcome) => repairs.inc({ outcome }),
    onRecalled: (found) => recalls.inc({ found: String(found) }),
  };
}
