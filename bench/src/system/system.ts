import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import { DATA_DIR } from "@holdfast/stack/paths";
import { type Stack, startStack } from "@holdfast/stack/stack";
import { appliedObserves } from "@holdfast/test/kit/checker";
import { Child } from "@holdfast/test/kit/child-process";
import { type Undo, withUndo } from "@holdfast/test/kit/fixture";
import { askSession, temporalAt, type TemporalClient } from "@holdfast/test/kit/temporal";
import { WorkflowNotFoundError } from "@temporalio/client";
import getPort from "get-port";
import { type BareOptions, startBare } from "../bare/target.ts";
import { startFloor } from "../floor/target.ts";
import type { LoadTarget } from "../load/session.ts";
import type { WorkflowFacts } from "../load/wire-session.ts";
import { wireTarget } from "../load/wire-target.ts";
import { startStreams } from "../streams/target.ts";
import { forgetProcesses, type Gauges, type NamedProcess } from "../measure/window.ts";
import { say } from "../report/report.ts";

/** What is measured, and against what. */
export interface SystemOptions extends BareOptions {
  targets: TargetName[];
  edges: number;
  agent: string;
  /** `server`: a model server of the bench's own that speaks `tokens` tokens. `embedded`: the worker's own model. */
  model: "server" | "embedded";
  tokens: number;
  /** Milliseconds. */
  tokenDelay: number;
  /** Events in one `send` at most. */
  perSend: number;
  sessionsPerConnection: number;
  /** Temporal's and Valkey's data in memory, instead of in files as `npm start` keeps them. */
  memory: boolean;
}

export const TARGETS = ["holdfast", "floor", "bareTemporal", "workflowStreams"] as const;
type TargetName = (typeof TARGETS)[number];

/** Shared by all targets; everything else of the stack is Holdfast's own. */
const SERVERS = ["temporal", "valkey"];
const TENANT = "bench";
const TOKEN_SECONDS = 24 * 3_600;

/** Everything that runs for a bench. */
export interface System {
  readonly targets: LoadTarget[];
  readonly gauges: Gauges;
  readonly temporal: TemporalClient;
  readonly close: () => Promise<void>;
}

/** Starts the stack, the model server, the floor and the bare workers, on free ports. On failure nothing is left. */
export function startSystem(options: SystemOptions): Promise<System> {
  return withUndo(async (undo) => {
    undo(forgetProcesses);
    const model = options.model === "server" ? await startModel(options, undo) : undefined;
    const stack = await startStack({
      edges: options.edges,
      env: stackEnv(options, model?.url),
      dir: await dataFolder(undo),
      persist: !options.memory,
      onProgress: (line) => say(`· ${line}`),
    });
    undo(() => stack.stop());
    if (stack.temporalMetricsUrl === undefined)
      throw new Error("The bench needs a Temporal of its own, for its metrics.");
    const temporal = temporalAt(stack.temporalAddress);
    undo(() => temporal.connection.close());
    const start: Record<TargetName, () => Promise<LoadTarget>> = {
      holdfast: async () => holdfastTarget(options, stack, temporal, model?.processes ?? []),
      floor: () => startFloor(stack.redisUrl, options),
      bareTemporal: () => startBare(stack.temporalAddress, options),
      workflowStreams: () => startStreams(stack.temporalAddress, options),
    };
    const targets: LoadTarget[] = [];
    for (const name of options.targets) {
      const target = await start[name]();
      targets.push(target);
      undo(() => target.close());
    }
    const self = { name: "load-generator", pid: process.pid, oneThread: true };
    const processes = [...children(stack, (name) => SERVERS.includes(name)), self];
    return { targets, gauges: { processes, metricsUrl: stack.temporalMetricsUrl, namespace: "default" }, temporal };
  });
}

/** Beside the data of `npm start`: on the same disk. The system's folder for temporary files may be none. */
async function dataFolder(undo: Undo): Promise<string> {
  await mkdir(DATA_DIR, { recursive: true });
  const dir = await mkdtemp(join(DATA_DIR, "bench-"));
  undo(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function startModel({ tokens, tokenDelay }: SystemOptions, undo: Undo) {
  const port = await getPort();
  const script = `tokens=${tokens},delay=${tokenDelay}ms,first=0ms`;
  const child = await Child.start(new URL("./model.ts", import.meta.url), { port, script });
  undo(() => child.kill());
  return {
    url: `http://127.0.0.1:${port}/v1`,
    processes: [{ name: "model-server", pid: child.pid, oneThread: true }],
  };
}

/** The same settings as `npm start`, but for logs and for limits that are there to hold back a load like this one. */
function stackEnv({ tokenDelay }: SystemOptions, modelUrl: string | undefined): Record<string, Record<string, string>> {
  return {
    all: { HOLDFAST_LOG_LEVEL: "warn" },
    edge: { HOLDFAST_REQUESTS_PER_SECOND: "1000000", HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: "100000" },
    inference:
      modelUrl === undefined
        ? { HOLDFAST_EMBEDDED_TOKEN_DELAY_MS: `${tokenDelay}` }
        : { HOLDFAST_MODEL_URL: modelUrl, HOLDFAST_MODEL_NAME: "scripted" },
  };
}

function holdfastTarget(
  { agent, perSend, sessionsPerConnection }: SystemOptions,
  stack: Stack,
  temporal: TemporalClient,
  model: NamedProcess[],
): LoadTarget {
  const keyOf = (owner: string, name: string): SessionKey => ({ tenant: TENANT, owner, name });
  return wireTarget({
    name: "holdfast",
    urls: stack.edgeUrls,
    agent,
    perSend,
    sessionsPerConnection,
    processes: [...children(stack, (name) => !SERVERS.includes(name)), ...model],
    token: (subject) => stack.token({ subject, tenant: TENANT, expiresInSeconds: TOKEN_SECONDS }),
    workflowId: (subject, session) => workflowIdOf(keyOf(subject, session)),
    truth: (subject, session) => readTruth(temporal, keyOf(subject, session)),
  });
}

/** The edges' work is done by one thread each; a worker has more (Temporal's core, the workflow threads). */
function children(stack: Stack, isWanted: (name: string) => boolean): NamedProcess[] {
  return stack
    .children()
    .filter(({ name }) => isWanted(name))
    .flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid, oneThread: /^(edge|valkey)/.test(name) }]));
}

/** Asks the session's workflow itself. A session that was never sent anything has none: nothing is what it holds. */
async function readTruth(temporal: TemporalClient, key: SessionKey): Promise<WorkflowFacts> {
  try {
    const { snapshot } = await askSession(temporal, key);
    // The concierge's tally of observes; other agents keep none.
    const observes = "observed" in snapshot.state ? appliedObserves(snapshot) : undefined;
    return { turns: snapshot.turns.at(-1)?.turn ?? 0, observes };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { turns: 0, observes: 0 };
    throw error;
  }
}
