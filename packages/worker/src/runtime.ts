import type { Logger } from "@holdfast/service/log";
import { DefaultLogger, type LogLevel, Runtime } from "@temporalio/worker";

const LEVELS = { TRACE: "trace", DEBUG: "debug", INFO: "info", WARN: "warn", ERROR: "error" } as const;

export interface RuntimeOptions {
  HOLDFAST_HOST: string;
  /** Where the SDK's own metrics are served; not at all without it. */
  HOLDFAST_SDK_METRICS_PORT?: number | undefined;
}

/**
 * Sets up the SDK's process-wide runtime: its logs (and those of workflow code) as our JSON lines, its own Prometheus
 * endpoint where a port is configured, and signals left to `main`. Once per process, before any worker.
 */
export function installRuntime(config: RuntimeOptions, log: Logger): void {
  const port = config.HOLDFAST_SDK_METRICS_PORT;
  Runtime.install({
    logger: new DefaultLogger("INFO", ({ level, message, meta }) => log[LEVELS[level]](meta ?? {}, message)),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: { level: "WARN" satisfies LogLevel }, filter: { core: "WARN" } },
      ...(port === undefined ? {} : { metrics: { prometheus: { bindAddress: `${config.HOLDFAST_HOST}:${port}` } } }),
    },
  });
}
