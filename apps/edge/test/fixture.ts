import { once } from "node:events";
import { createRequire } from "node:module";
import { sessionPath, workflowIdOf, type SessionKey, type Turn } from "@holdfast/contract";
import { TASK_QUEUE_SESSIONS, type EventBatch, type SessionState } from "@holdfast/internal";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { SessionLog } from "@holdfast/session-log";
import { startTemporal, startValkey, type TemporalServer, type ValkeyServer } from "@holdfast/stack/servers";
import { Client, Connection } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { edgeConfig } from "../src/operate/config.ts";
import { startEdge, type Edge } from "../src/edge.ts";

const logger = new DefaultLogger("ERROR");
Runtime.install({ logger });

const SECRET = "a secret for the tests only";
export const OPERATOR_TOKEN = "a token for the tests' operator";

export interface TokenOptions {
  tenant?: string;
  shared?: string[];
  /** Seconds from now; left out: none. */
  expiresIn?: number;
}

export function token(subject: string, { tenant = "acme", shared, expiresIn }: TokenOptions = {}): Promise<string> {
  const claims = { sub: subject, tenant, ...(shared === undefined ? {} : { shared }) };
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: "HS256" });
  if (expiresIn !== undefined) jwt.setExpirationTime(new Date(Date.now() + expiresIn * 1_000));
  return jwt.sign(new TextEncoder().encode(SECRET));
}

/** Real servers for one test file, and as many edges as it wants. */
export class Fixture {
  temporal: TemporalServer;
  readonly temporalClient: Client;
  valkey: ValkeyServer;
  readonly #edges: Edge[] = [];
  readonly #endings: (() => Promise<void> | void)[] = [];
  #workers: (() => Promise<void>)[] = [];

  private constructor(temporal: TemporalServer, temporalClient: Client, valkey: ValkeyServer) {
    this.temporal = temporal;
    this.temporalClient = temporalClient;
    this.valkey = valkey;
  }

  /** `dir`: where Temporal keeps its database, if it is to survive a restart. */
  static async start(dir?: string): Promise<Fixture> {
    const [temporal, valkey] = await Promise.all([startTemporal(dir === undefined ? {} : { dir }), startValkey()]);
    const connection = await Connection.connect({ address: temporal.address });
    return new Fixture(temporal, new Client({ connection }), valkey);
  }

  async startEdge(env: NodeJS.ProcessEnv = {}): Promise<Edge> {
    const config = edgeConfig({
      HOLDFAST_NODE_ID: `edge-${this.#edges.length + 1}`,
      HOLDFAST_PORT: "0",
      HOLDFAST_LOG_LEVEL: "silent",
      HOLDFAST_JWT_SECRET: SECRET,
      HOLDFAST_OPERATOR_TOKEN: OPERATOR_TOKEN,
      HOLDFAST_TEMPORAL_ADDRESS: this.temporal.address,
      HOLDFAST_REDIS_URL: this.valkey.url,
      HOLDFAST_SHUTDOWN_GRACE_SECONDS: "5",
      ...env,
    });
    const edge = await startEdge(config);
    this.#edges.push(edge);
    return edge;
  }

  /** A worker for the stand-in of the session workflow. */
  async startWorker(): Promise<void> {
    const connection = await NativeConnection.connect({ address: this.temporal.address });
    const worker = await Worker.create({
      connection,
      taskQueue: TASK_QUEUE_SESSIONS,
      workflowBundle: await bundle(),
      shutdownGraceTime: 0,
    });
    const ran = worker.run();
    this.#workers.push(async () => {
      worker.shutdown();
      await ran;
      await connection.close();
    });
  }

  /** How many there were. */
  async stopWorkers(): Promise<number> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map((stop) => stop()));
    return workers.length;
  }

  /** The log as workers write to it. */
  async openLog(): Promise<SessionLog> {
    const log = createLogger("edge-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
    const redis = connectRedis(this.valkey.url, log, "commands");
    this.#endings.push(() => redis.disconnect());
    await once(redis, "ready");
    return new SessionLog(redis);
  }

  /** Another Valkey in place of the killed one, with nothing in it. */
  async restartValkey(): Promise<void> {
    this.valkey = await startValkey({ port: this.valkey.port });
  }

  /** Kills Temporal; returns what starts it again on the same database. */
  async killTemporal(dir: string): Promise<() => Promise<void>> {
    const port = Number(this.temporal.address.split(":")[1]);
    this.temporal.kill("SIGKILL");
    await this.temporal.exited;
    return async () => {
      this.temporal = await startTemporal({ dir, port });
    };
  }

  /** Everything a session has in Redis, gone as after the loss of a server. */
  async forget(key: SessionKey): Promise<void> {
    const redis = new Redis(this.valkey.url);
    const keys = await redis.keys(`hf:{${sessionPath(key)}}:*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  }

  /** Everyone has to connect again, to the same Redis. */
  async dropRedisConnections(): Promise<void> {
    const redis = new Redis(this.valkey.url);
    await redis.call("CLIENT", "KILL", "SKIPME", "yes");
    redis.disconnect();
  }

  /** What there is to see of a failover: a replica becomes primary, and everyone has to connect again. */
  async failOver(): Promise<void> {
    const redis = new Redis(this.valkey.url);
    await redis.replicaof("127.0.0.1", "1");
    await redis.replicaof("NO", "ONE");
    redis.disconnect();
    await this.dropRedisConnections();
  }

  async received(key: SessionKey): Promise<EventBatch[]> {
    return this.temporalClient.workflow.getHandle(workflowIdOf(key)).query<EventBatch[]>("received");
  }

  /** What the session answers when it is asked for its snapshot, and for the turns before those of the snapshot. */
  async hold({ key, epoch, snapshot }: SessionState & { key: SessionKey }, olderTurns: Turn[] = []): Promise<void> {
    const state: SessionState = { epoch, snapshot };
    await this.temporalClient.workflow.signalWithStart("session", {
      workflowId: workflowIdOf(key),
      taskQueue: TASK_QUEUE_SESSIONS,
      args: [{ key, agent: snapshot.agent, lane: "shared" }],
      signal: "hold",
      signalArgs: [state, olderTurns],
    });
  }

  async stop(): Promise<void> {
    for (const edge of this.#edges) await edge.stop("the test is over");
    await this.stopWorkers();
    for (const end of this.#endings.toReversed()) await end();
    await this.temporalClient.connection.close();
    await this.temporal.stop();
    await this.valkey.stop();
  }
}

function bundle(): ReturnType<typeof bundleWorkflowCode> {
  const workflowsPath = createRequire(import.meta.url).resolve("./session-workflow.ts");
  return bundleWorkflowCode({ workflowsPath, logger });
}
