import { Breakers } from "@holdfast/activities/breakers";
import { FinishedAnswers } from "@holdfast/activities/finished-answers";
import { createModels } from "@holdfast/activities/models/registry";
import { createRespond, type RespondActivity } from "@holdfast/activities/respond";
import { querySessionState } from "@holdfast/activities/session-state";
import { laneTaskQueue } from "@holdfast/internal";
import type { Logger } from "@holdfast/service/log";
import type { Running } from "@holdfast/service/main";
import { closeServer, listen, operationsApp } from "@holdfast/service/operations";
import { connectRedis, type RedisConnection, redisReady } from "@holdfast/service/redis";
import { connectTemporal } from "@holdfast/service/temporal";
import { SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import { type NativeConnection, Worker } from "@temporalio/worker";
import type { InferenceConfig } from "./config.ts";
import { untilConnected } from "@holdfast/worker/connection";
import { runWorkers } from "@holdfast/worker/run-workers";
import { type InferenceMetrics, inferenceMetrics } from "./metrics.ts";

/** How long a worker that starts waits for Redis; then it works without. */
const REDIS_PATIENCE_MS = 3_000;

/**
 * Runs the model work of the configured lanes. Serves its health at once; works once Temporal is there. `onFatal` is told when a
 * worker ends by an error.
 */
export async function startInference(
  config: InferenceConfig,
  log: Logger,
  onFatal: (error: unknown) => void,
): Promise<Running> {
  const redis = connectRedis(config.HOLDFAST_REDIS_URL, log, "commands");
  const client = connectTemporal(config);
  const breakers = new Breakers(redis);
  const metrics = inferenceMetrics(breakers);
  const stopping = new AbortController();
  const workers: Worker[] = [];

  const server = await listen(
    operationsApp(metrics.registry, () => notReady(workers)),
    config.HOLDFAST_HOST,
    config.HOLDFAST_PORT,
  );
  log.info({ address: server.address() }, "inference listens");
  breakers.start();

  const ran = run();
  ran.catch(onFatal);

  async function run(): Promise<void> {
    const activities = await respondActivity(config, { redis, client, breakers, metrics });
    const connection = await untilConnected(config, log, stopping.signal);
    if (connection === undefined) return;
    // A retry that cannot ask what readers hold starts its answer over, though the model could have gone on.
    await redisReady(redis, REDIS_PATIENCE_MS);
    try {
      for (const lane of config.HOLDFAST_LANES) workers.push(await createWorker(config, connection, lane, activities));
      log.info({ lanes: config.HOLDFAST_LANES, model: config.HOLDFAST_MODEL_URL ?? "embedded" }, "inference works");
      await runWorkers(workers, log, stopping.signal);
    } finally {
      await connection.close();
    }
  }

  return {
    log,
    async stop(reason) {
      log.info({ reason }, "inference drains");
      stopping.abort();
      await ran;
      breakers.stop();
      await client.connection.close();
      redis.disconnect();
      await closeServer(server);
    },
  };
}

interface Parts {
  redis: RedisConnection;
  client: Client;
  breakers: Breakers;
  metrics: InferenceMetrics;
}

async function respondActivity(
  config: InferenceConfig,
  { redis, client, breakers, metrics }: Parts,
): Promise<RespondActivity> {
  const { HOLDFAST_MODEL_URL: url, HOLDFAST_MODEL_KEY: key, HOLDFAST_MODEL_NAME: name } = config;
  const { HOLDFAST_MODEL_CONTINUE: continues, HOLDFAST_MODEL_CONTEXT_TOKENS: contextTokens } = config;
  const models = createModels({
    embedded: { tokenDelayMs: config.HOLDFAST_EMBEDDED_TOKEN_DELAY_MS },
    openaiCompatible: url === undefined ? undefined : { url, key, name, continues, contextTokens },
  });
  // A worker without a model server answers its first request as fast as the others.
  if (url === undefined) await models.resolve({});
  return createRespond({
    log: new SessionLog(redis, { bytes: config.HOLDFAST_LOG_BYTES }),
    queryState: (key) => querySessionState(client, key),
    models,
    breakers,
    finished: new FinishedAnswers(redis),
    metrics: metrics.respond,
    config: {
      firstTextTimeoutMs: config.HOLDFAST_MODEL_FIRST_TEXT_TIMEOUT_MS,
      idleTimeoutMs: config.HOLDFAST_MODEL_IDLE_TIMEOUT_MS,
      totalTimeoutMs: config.HOLDFAST_MODEL_TOTAL_TIMEOUT_MS,
    },
  });
}

async function createWorker(
  config: InferenceConfig,
  connection: NativeConnection,
  lane: string,
  activities: RespondActivity,
): Promise<Worker> {
  const graceMs = config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1_000;
  return Worker.create({
    connection,
    namespace: config.HOLDFAST_TEMPORAL_NAMESPACE,
    taskQueue: laneTaskQueue(lane),
    identity: `inference/${lane}/${config.HOLDFAST_NODE_ID}`,
    activities: { ...activities },
    maxConcurrentActivityTaskExecutions: config.HOLDFAST_MAX_CONCURRENT_ACTIVITIES,
    // Half of a turn's heartbeat timeout: at the SDK's 0.8 of it, a short hiccup would count as a worker's death.
    maxHeartbeatThrottleInterval: 1_500,
    // Most answers end within the grace; the others are handed over to another worker, which needs time to be told.
    shutdownGraceTime: graceMs * 0.7,
    shutdownForceTime: graceMs,
  });
}

function notReady(workers: Worker[]): string | undefined {
  if (workers.length === 0) return "waiting for Temporal";
  const idle = workers.map((worker) => worker.getState()).find((state) => state !== "RUNNING");
  return idle === undefined ? undefined : `a worker is ${idle.toLowerCase()}`;
}
