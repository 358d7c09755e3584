import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { workflowIdOf } from "@holdfast/contract";
import { DATA_DIR } from "@holdfast/stack/paths";
import { type Stack, startStack, type TokenClaims } from "@holdfast/stack/stack";
import { appliedObserves } from "@holdfast/test/kit/checker";
import { Child } from "@holdfast/test/kit/child-process";
import { withUndo } from "@holdfast/test/kit/fixture";
import { askSession, temporalAt, type TemporalClient } from "@holdfast/test/kit/temporal";
import { WorkflowNotFoundError } from "@temporalio/client";
import getPort from "get-port";
import { BareTarget } from "../bare/target.ts";
import { startFloor } from "../floor/target.ts";
import type { LoadTarget } from "../load/trial.ts";
import { type WorkflowFacts, WireTarget } from "../load/wire-target.ts";
import { forgetProcesses, type Gauges, type NamedProcess } from "../measure/window.ts";

/** What is measured, and against what. */
export interface SystemOptions {
  targets: TargetName[];
  edges: number;
  agent: string;
  /** `server`: a model server of the bench's own that speaks `tokens` tokens. `embedded`: the worker's own model. */
  model: "server" | "embedded";
  tokens: number;
  tokenDelayMs: number;
  /** Events in one `send` at most. */
  perSend: number;
  sessionsPerConnection: number;
  bareShape: "same-queue" | "own-queue";
  /** Temporal's and Valkey's data in memory, instead of in files as `npm start` keeps them. */
  memory: boolean;
}

export const TARGETS = ["holdfast", "floor", "bareTemporal"] as const;
export type TargetName = (typeof TARGETS)[number];

const NAMESPACE = "default";
/** Shared by all targets; everything else of the stack is Holdfast's own. */
const SERVERS = ["temporal", "valkey"];

/** Everything that runs for a bench. */
export interface System {
  readonly targets: LoadTarget[];
  readonly gauges: Gauges;
  readonly temporal: TemporalClient;
  readonly close: () => Promise<void>;
}

/** Starts the stack, the model server, the floor and the bare workers, on free ports. On failure nothing is left. */
export function startSystem(settings: SystemOptions, onProgress: (line: string) => void): Promise<System> {
  return withUndo(async (undo) => {
    undo(forgetProcesses);
    const model = settings.model === "server" ? await startModel(settings) : undefined;
    undo(() => model?.process.kill());
    const dir = await dataFolder();
    undo(() => rm(dir, { recursive: true, force: true }));
    const stack = await startStack({
      edges: settings.edges,
      env: stackEnv(settings, model?.url),
      dir,
      persist: !settings.memory,
      onProgress,
    });
    undo(() => stack.stop());
    const temporal = temporalAt(stack.temporalAddress);
    undo(() => temporal.connection.close());
    const targets: LoadTarget[] = [];
    for (const name of settings.targets) {
      const target = await startTarget(name, settings, stack, temporal, model?.process);
      targets.push(target);
      undo(() => target.close());
    }
    return { targets, gauges: gaugesOf(stack), temporal };
  });
}

/** Beside the data of `npm start`: on the same disk. The system's folder for temporary files may be none. */
async function dataFolder(): Promise<string> {
  await mkdir(DATA_DIR, { recursive: true });
  return mkdtemp(join(DATA_DIR, "bench-"));
}

async function startModel({ tokens, tokenDelayMs }: SystemOptions): Promise<{ url: string; process: Child }> {
  const port = await getPort();
  const script = `tokens=${tokens},delay=${tokenDelayMs}ms,first=0ms`;
  const child = await Child.start(new URL("./model.ts", import.meta.url), { port, script });
  return { url: `http://127.0.0.1:${port}/v1`, process: child };
}

/** The same settings as `npm start`, but for logs and for limits that are there to hold back a load like this one. */
function stackEnv(settings: SystemOptions, modelUrl: string | undefined): Record<string, Record<string, string>> {
  return {
    all: { HOLDFAST_LOG_LEVEL: "warn" },
    edge: { HOLDFAST_REQUESTS_PER_SECOND: "1000000", HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: "100000" },
    inference:
      modelUrl === undefined
        ? { HOLDFAST_EMBEDDED_TOKEN_DELAY_MS: `${settings.tokenDelayMs}` }
        : { HOLDFAST_MODEL_URL: modelUrl, HOLDFAST_MODEL_NAME: "scripted" },
  };
}

function startTarget(
  name: TargetName,
  settings: SystemOptions,
  stack: Stack,
  temporal: TemporalClient,
  model: Child | undefined,
): Promise<LoadTarget> {
  const { tokens, tokenDelayMs, perSend, bareShape } = settings;
  switch (name) {
    case "holdfast":
      return Promise.resolve(holdfastTarget(settings, stack, temporal, model));
    case "floor":
      return startFloor(stack.redisUrl, { tokens, tokenDelayMs }, perSend);
    case "bareTemporal":
      return BareTarget.start({
        address: stack.temporalAddress,
        namespace: NAMESPACE,
        tokens,
        tokenDelayMs,
        shape: bareShape,
      });
  }
}

function holdfastTarget(
  settings: SystemOptions,
  stack: Stack,
  temporal: TemporalClient,
  model: Child | undefined,
): LoadTarget {
  const modelProcess = model === undefined ? [] : [{ name: "model-server", pid: model.pid, oneThread: true }];
  return new WireTarget({
    name: "holdfast",
    urls: [...stack.edgeUrls],
    agent: settings.agent,
    perSend: settings.perSend,
    sessionsPerConnection: settings.sessionsPerConnection,
    processes: [...children(stack, false), ...modelProcess],
    token: (subject) => stack.token(claimsOf(subject)),
    workflowId: (subject, session) => workflowIdOf(keyOf(subject, session)),
    truth: (subject, session) => readTruth(temporal, subject, session),
  });
}

function gaugesOf(stack: Stack): Gauges {
  if (stack.temporalMetricsUrl === undefined)
    throw new Error("The bench needs a Temporal of its own, for its metrics.");
  const self = { name: "load-generator", pid: process.pid, oneThread: true };
  return { processes: [...children(stack, true), self], metricsUrl: stack.temporalMetricsUrl, namespace: NAMESPACE };
}

/** The edges' work is done by one thread each; a worker has more (Temporal's core, the workflow threads). */
function children(stack: Stack, servers: boolean): NamedProcess[] {
  return stack
    .children()
    .filter(({ name }) => SERVERS.includes(name) === servers)
    .flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid, oneThread: /^(edge|valkey)/.test(name) }]));
}

const TENANT = "bench";

function claimsOf(subject: string): TokenClaims {
  return { subject, tenant: TENANT, expiresInSeconds: 24 * 3_600 };
}

const keyOf = (subject: string, session: string) => ({ tenant: TENANT, owner: subject, name: session });

/** Asks the session's workflow itself. A session that was never sent anything has none: nothing is what it holds. */
async function readTruth(temporal: TemporalClient, subject: string, session: string): Promise<WorkflowFacts> {
  try {
    const { snapshot } = await askSession(temporal, keyOf(subject, session));
    // The concierge's tally of observes; other agents keep none.
    const observes = "observed" in snapshot.state ? appliedObserves(snapshot) : undefined;
    return { turns: snapshot.turns.at(-1)?.turn ?? 0, observes };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { turns: 0, observes: 0 };
    throw error;
  }
}
