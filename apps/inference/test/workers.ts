import { fileURLToPath } from "node:url";
import { textOf } from "@holdfast/contract";
import type { StepRequest, StepResult } from "@holdfast/internal";
import { laneTaskQueue } from "@holdfast/internal";
import { type ModelServer, startModelServer } from "@holdfast/model-server";
import { SessionLog } from "@holdfast/session-log";
import { type GuardedProcess, startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { startTemporal, startValkey, type TemporalServer, type ValkeyServer } from "@holdfast/stack/servers";
import { type ActivityHandle, Client, Connection } from "@temporalio/client";
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface WorkerProcess extends GuardedProcess {
  url: string;
}

/** Inference workers as processes of their own, between a real Temporal, a real Valkey and a model server. */
export class Workers {
  readonly temporal: TemporalServer;
  readonly valkey: ValkeyServer;
  readonly model: ModelServer;
  readonly client: Client;
  readonly redis: Redis;
  readonly log: SessionLog;
  readonly #processes: GuardedProcess[] = [];
  #activities = 0;

  constructor(temporal: TemporalServer, valkey: ValkeyServer, model: ModelServer, connection: Connection) {
    this.temporal = temporal;
    this.valkey = valkey;
    this.model = model;
    this.client = new Client({ connection });
    this.redis = new Redis(valkey.url);
    this.log = new SessionLog(this.redis);
  }

  /** Starts one. `path`: which of its endpoints must answer 200 before it counts as started. */
  async start(env: Record<string, string> = {}, path: "/readyz" | "/healthz" = "/readyz"): Promise<WorkerProcess> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const child = await startGuarded(process.execPath, [MAIN], {
      stdin: true,
      env: {
        PATH: process.env["PATH"],
        HOLDFAST_SUPERVISED: "1",
        HOLDFAST_PORT: `${port}`,
        HOLDFAST_REDIS_URL: this.valkey.url,
        HOLDFAST_TEMPORAL_ADDRESS: this.temporal.address,
        HOLDFAST_MODEL_URL: this.model.url,
        ...env,
      },
    });
    this.#processes.push(child);
    await untilReady(child, "inference", async () => (await fetch(`${url}${path}`)).ok);
    return { ...child, url };
  }

  /** Starts `respond` on a lane by itself, without a workflow. */
  async respond(request: StepRequest, lane = "shared"): Promise<ActivityHandle<StepResult>> {
    return this.client.activity.start<StepResult>("respond", {
      id: `respond-${++this.#activities}`,
      taskQueue: laneTaskQueue(lane),
      args: [request],
      scheduleToCloseTimeout: "60s",
      heartbeatTimeout: "2s",
      retry: { initialInterval: "250ms", maximumAttempts: 8 },
    });
  }

  async partialText(request: StepRequest): Promise<string> {
    const read = await this.log.snapshot(request.key);
    const running = read.outcome === "snapshot" ? read.snapshot.running : null;
    return running === null ? "" : textOf(running);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((child) => child.stop()));
    this.redis.disconnect();
    await this.client.connection.close();
    await Promise.all([this.temporal.stop(), this.valkey.stop(), this.model.stop()]);
  }
}

/** Started before the tests of a file, stopped after them. */
export function useWorkers(): { readonly workers: Workers } {
  let workers: Workers | undefined;
  beforeAll(async () => {
    const [temporal, valkey, model] = await Promise.all([startTemporal(), startValkey(), startModelServer()]);
    workers = new Workers(temporal, valkey, model, await Connection.connect({ address: temporal.address }));
  });
  afterAll(() => workers?.stop());
  return {
    get workers() {
      if (workers === undefined) throw new Error("the workers are not up yet");
      return workers;
    },
  };
}

/** Waits until `condition` gives something true, and gives that. */
export async function until<T>(condition: () => Promise<T> | T): Promise<NonNullable<T>> {
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false && value !== "") return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
