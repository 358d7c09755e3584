import { Breakers } from "@holdfast/activities/breakers";
import { createRepair } from "@holdfast/activities/repair";
import { FinishedAnswers } from "@holdfast/activities/finished-answers";
import { createPublish, type PublishActivities } from "@holdfast/activities/publish";
import { createRecall } from "@holdfast/activities/recall";
import { createRespond } from "@holdfast/activities/respond";
import { querySessionState } from "@holdfast/activities/session-state";
import {
  type Event,
  type Json,
  jsonSchema,
  type RunningTurn,
  type SessionKey,
  type Snapshot,
  textOf,
  type Turn,
  workflowIdOf,
} from "@holdfast/contract";
import {
  COMMAND_ANSWERED,
  type CommandCall,
  type EventBatch,
  type EventRun,
  laneTaskQueue,
  QUERY_SNAPSHOT,
  SHARED_LANE,
  SIGNAL_EVENTS,
  type SessionStart,
  type SessionState,
  TASK_QUEUE_SESSIONS,
  UPDATE_COMMAND,
  WORKFLOW_TYPE,
} from "@holdfast/internal";
import { bundleWorkflows } from "@holdfast/orchestrator/src/bundle.ts";
import { withLeanSandbox } from "@holdfast/orchestrator/src/lean-sandbox.ts";
import { workflowBundle } from "@holdfast/orchestrator/src/workflow-bundle.ts";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { SessionLog } from "@holdfast/session-log";
import { startTemporal, startValkey } from "@holdfast/stack/servers";
import {
  ApplicationFailure,
  Client,
  Connection,
  type WorkflowHandle,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from "@temporalio/worker";
import { eventually } from "./eventually.ts";
import { ScriptedModel } from "./scripted-model.ts";

// Tests provoke what the SDK warns of.
Runtime.install({
  logger: new DefaultLogger("ERROR", () => {}),
  telemetryOptions: { logging: { filter: { core: "ERROR" } } },
});
const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

export type Harness = Awaited<ReturnType<typeof startHarness>>;

interface HarnessOptions {
  /** False: nobody works on the lane until `startInference`. */
  inference?: boolean;
  temporalArgs?: string[];
  workflowsPath?: string;
  /** What the workflows' local activities are to be instead. */
  localActivities?: (real: PublishActivities) => PublishActivities;
}

/**
 * A real Temporal and a real Valkey, the workflows' worker, and one worker of the shared lane, whose `respond` is the
 * real one on a scripted model.
 */
export async function startHarness(options: HarnessOptions = {}) {
  const { workflowsPath, localActivities = (real) => real } = options;
  const [temporal, firstValkey, code] = await Promise.all([
    startTemporal({ args: options.temporalArgs ?? [] }),
    startValkey(),
    workflowsPath === undefined ? workflowBundle(silent) : bundleWorkflows(workflowsPath).then((bundle) => bundle.code),
  ]);
  let valkey = firstValkey;
  const connection = await Connection.connect({ address: temporal.address });
  const native = await NativeConnection.connect({ address: temporal.address });
  const client = new Client({ connection, identity: "edge/test" });
  const redis = connectRedis(valkey.url, silent, "commands");
  const log = new SessionLog(redis);
  const model = new ScriptedModel();
  const stops: (() => Promise<void>)[] = [];

  async function work(worker: Worker): Promise<void> {
    const ran = worker.run();
    stops.push(async () => {
      worker.shutdown();
      await ran;
    });
  }

  async function startInference(): Promise<void> {
    const worker = await Worker.create({
      connection: native,
      identity: "inference/test",
      taskQueue: laneTaskQueue(SHARED_LANE),
      activities: createRespond({
        log,
        models: model,
        breakers: new Breakers(),
        finished: new FinishedAnswers(),
        queryState: (key) => querySessionState(client, key),
        config: { retry: { baseMs: 20, maxMs: 50 } },
      }),
    });
    await work(worker);
  }

  const orchestrator: WorkerOptions = {
    connection: native,
    identity: "orchestrator/test",
    taskQueue: TASK_QUEUE_SESSIONS,
    workflowBundle: { code },
    activities: {
      ...localActivities(createPublish({ log })),
      ...createRepair({ log, client }),
      ...createRecall({ log, client }),
    },
    maxConcurrentWorkflowTaskExecutions: 20,
  };
  await work(await withLeanSandbox(() => Worker.create(orchestrator)));
  if (options.inference !== false) await startInference();

  function handle(key: SessionKey): WorkflowHandle {
    return client.workflow.getHandle(workflowIdOf(key));
  }

  return {
    client,
    handle,
    log,
    model,
    startInference,

    /** Temporal answers nobody, and nothing happens in it, until it goes on. */
    pauseTemporal(): void {
      temporal.kill("SIGSTOP");
    },
    resumeTemporal(): void {
      temporal.kill("SIGCONT");
    },

    async stopValkey(): Promise<void> {
      await valkey.stop();
    },

    /** It comes back empty, at the same address. */
    async restartValkey(): Promise<void> {
      valkey = await startValkey({ port: valkey.port });
    },

    /** What an edge does with a batch. */
    async signal(key: SessionKey, payload: EventBatch | Json, agent = "echo", lane = SHARED_LANE): Promise<void> {
      const start: SessionStart = { key, agent, lane };
      await client.workflow.signalWithStart(WORKFLOW_TYPE, {
        workflowId: workflowIdOf(key),
        taskQueue: TASK_QUEUE_SESSIONS,
        args: [start],
        signal: SIGNAL_EVENTS,
        signalArgs: [payload],
      });
    },

    async snapshot(key: SessionKey): Promise<Snapshot> {
      return (await handle(key).query<SessionState>(QUERY_SNAPSHOT)).snapshot;
    },

    /** The workflow's snapshot once it is as `done` says. */
    async until(key: SessionKey, done: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
      return eventually(async () => {
        const { snapshot } = await handle(key).query<SessionState>(QUERY_SNAPSHOT);
        if (!done(snapshot)) throw new Error(`not yet: ${JSON.stringify(snapshot).slice(0, 2_000)}`);
        return snapshot;
      });
    },

    /** Readers hold this text of the running turn. */
    async untilHeld(key: SessionKey, text: string): Promise<void> {
      await eventually(async () => {
        const read = await log.snapshot(key);
        const running = read.outcome === "snapshot" ? read.snapshot.running : null;
        if (running === null || textOf(running) !== text) throw new Error(`not yet: ${JSON.stringify(read)}`);
      });
    },

    /** Takes the way of a session's run once more, as a worker does that has forgotten it. Rejects where the code takes another. */
    async replay(key: SessionKey): Promise<void> {
      const history = await handle(key).fetchHistory();
      await Worker.runReplayHistory({ workflowBundle: { code } }, history, workflowIdOf(key));
    },

    /** What an edge does with a command; `ann` gives it unless it says otherwise. */
    async command(key: SessionKey, given: Omit<CommandCall, "by"> & { by?: string }): Promise<Json> {
      const call: CommandCall = { by: "ann", ...given };
      try {
        return await handle(key).executeUpdate<Json, [CommandCall]>(UPDATE_COMMAND, { args: [call] });
      } catch (error) {
        const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
        if (!(cause instanceof ApplicationFailure) || cause.type !== COMMAND_ANSWERED) throw error;
        return jsonSchema.parse(cause.details?.[0]);
      }
    },

    async stop(): Promise<void> {
      await Promise.all(stops.map((stop) => stop()));
      redis.disconnect();
      await connection.close();
      await native.close();
      await Promise.all([temporal.stop(), valkey.stop()]);
    },
  };
}

/** Turns with what they say, for tests that are about that. */
export function withText<T extends Turn | RunningTurn>(turns: T[]): (T & { text: string })[] {
  return turns.map((turn) => ({ ...turn, text: textOf(turn) }));
}

let sessions = 0;

export function newKey(): SessionKey {
  return { tenant: "acme", owner: "ann", name: `s${++sessions}` };
}

export function run(producer: string, ...events: Event[]): EventRun {
  return { by: "ann", producer, at: Date.now(), events };
}

export function batch(producer: string, ...events: Event[]): EventBatch {
  return { runs: [run(producer, ...events)] };
}

export function input(seq: number, text: string): Event {
  return { seq, kind: "input", text };
}

export function observe(seq: number, name: string): Event {
  return { seq, kind: "observe", name };
}
