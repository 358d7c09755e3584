import { createRepair } from "@holdfast/activities/repair";
import { createPublish } from "@holdfast/activities/publish";
import { createRecall } from "@holdfast/activities/recall";
import { TASK_QUEUE_SESSIONS } from "@holdfast/internal";
import { ConfigError } from "@holdfast/service/config";
import type { Logger } from "@holdfast/service/log";
import type { Running } from "@holdfast/service/main";
import { closeServer, listen, operationsApp } from "@holdfast/service/operations";
import { connectRedis } from "@holdfast/service/redis";
import { connectTemporal } from "@holdfast/service/temporal";
import { SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { lackingAgents } from "./agent-code.ts";
import type { OrchestratorConfig } from "./config.ts";
import { withLeanSandbox } from "./lean-sandbox.ts";
import { untilConnected } from "@holdfast/worker/connection";
import { runWorkers } from "@holdfast/worker/run-workers";
import { orchestratorMetrics } from "./metrics.ts";
import { workflowBundle } from "./workflow-bundle.ts";

/**
 * Milliseconds a session's next task waits for the worker that has the session in memory, before any worker may take it:
 * what a killed orchestrator costs every session it had. The SDK's default is 10 s.
 */
const STICKY_MS = 3_000;
/** Milliseconds Temporal has to answer when readiness is asked. */
const READINESS_MS = 1_000;

/**
 * Runs session workflows and the short activities that belong to them. Serves its health at once; works once Temporal is
 * there. `onFatal` is told when the worker ends by an error.
 */
export async function startOrchestrator(
  config: OrchestratorConfig,
  log: Logger,
  onFatal: (error: unknown) => void,
): Promise<Running> {
  const metrics = orchestratorMetrics(log);
  const redis = connectRedis(config.HOLDFAST_REDIS_URL, log, "commands");
  const client = connectTemporal(config);
  const stopping = new AbortController();
  let worker: Worker | undefined;

  const server = await listen(
    operationsApp(metrics.registry, () => notReady(worker, client)),
    config.HOLDFAST_HOST,
    config.HOLDFAST_PORT,
  );
  log.info({ address: server.address() }, "orchestrator listens");

  const ran = run();
  ran.catch(onFatal);

  async function run(): Promise<void> {
    const [connection, code] = await Promise.all([
      untilConnected(config, log, stopping.signal),
      checkedCode().catch(unlessStopping),
    ]);
    if (connection === undefined) return;
    try {
      // Stopped while the workflows were bundled.
      if (code === undefined) return;
      const sessionLog = new SessionLog(redis, { bytes: config.HOLDFAST_LOG_BYTES });
      const sandboxed = config.HOLDFAST_SANDBOX === "lean" ? withLeanSandbox : <T>(create: () => T): T => create();
      const options: WorkerOptions = {
        connection,
        namespace: config.HOLDFAST_TEMPORAL_NAMESPACE,
        taskQueue: TASK_QUEUE_SESSIONS,
        identity: `orchestrator/${config.HOLDFAST_NODE_ID}`,
        workflowBundle: { code },
        activities: {
          ...createPublish({ log: sessionLog, onAccess: metrics.onAccess }),
          ...createRepair({ log: sessionLog, client, onRepaired: metrics.onRepaired }),
          ...createRecall({ log: sessionLog, client, onRecalled: metrics.onRecalled }),
        },
        ...limits(config),
      };
      worker = await sandboxed(() => Worker.create(options));
      log.info({ taskQueue: TASK_QUEUE_SESSIONS }, "orchestrator works");
      await runWorkers([worker], log, stopping.signal);
    } finally {
      await connection.close();
    }
  }

  /** What is wrong with the agents is told at once, whether Temporal is there or not. */
  async function checkedCode(): Promise<string> {
    const code = await workflowBundle(log, stopping.signal);
    await requireAgents(config.HOLDFAST_AGENTS);
    return code;
  }

  function unlessStopping(error: unknown): undefined {
    if (!stopping.signal.aborted) throw error;
  }

  return {
    log,
    async stop(reason) {
      log.info({ reason }, "orchestrator drains");
      stopping.abort();
      await ran;
      await client.connection.close();
      redis.disconnect();
      await closeServer(server);
    },
  };
}

/** A client whose agent is offered and is not there would be told `durable`, and then nothing for ever. */
async function requireAgents(offered: readonly string[] = []): Promise<void> {
  const { agentNames } = await import("@holdfast/workflows/agents/registry");
  const problem = lackingAgents(offered, agentNames());
  if (problem !== undefined) throw new ConfigError(problem);
}

function limits(config: OrchestratorConfig) {
  const workflowTasks = config.HOLDFAST_MAX_CONCURRENT_WORKFLOW_TASKS;
  const graceMs = config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1_000;
  return {
    stickyQueueScheduleToStartTimeout: STICKY_MS,
    maxCachedWorkflows: config.HOLDFAST_MAX_CACHED_WORKFLOWS,
    maxConcurrentWorkflowTaskExecutions: workflowTasks,
    maxConcurrentWorkflowTaskPolls: Math.max(2, Math.floor(workflowTasks / 2)),
    maxConcurrentLocalActivityExecutions: config.HOLDFAST_MAX_CONCURRENT_LOCAL_ACTIVITIES,
    maxConcurrentActivityTaskExecutions: config.HOLDFAST_MAX_CONCURRENT_ACTIVITIES,
    // Repair waits for Redis as long as it may; it is begun again elsewhere, so it need not hold up the shutdown.
    shutdownGraceTime: Math.min(1_000, graceMs / 2),
    shutdownForceTime: graceMs,
  };
}

async function notReady(worker: Worker | undefined, client: Client): Promise<string | undefined> {
  if (worker === undefined) return "waiting for Temporal";
  const state = worker.getState();
  if (state !== "RUNNING") return `the worker is ${state.toLowerCase()}`;
  try {
    await client.withDeadline(Date.now() + READINESS_MS, () => client.workflowService.getSystemInfo({}));
    return undefined;
  } catch {
    return "Temporal is out of reach";
  }
}
