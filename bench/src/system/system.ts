import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { DATA_DIR } from "@holdfast/stack/paths";
import { startStack, type Stack } from "@holdfast/stack/stack";
import getPort from "get-port";
import { BareTarget } from "../bare/target.ts";
import { startFloor } from "../floor/target.ts";
import { forkProcess, type Forked } from "../forked.ts";
import type { LoadTarget } from "../load/target.ts";
import { WireTarget } from "../load/wire-target.ts";
import { forgetProcesses, type NamedProcess } from "../measure/processes.ts";
import type { Gauges } from "../measure/window.ts";
import type { SystemSettings, TargetName } from "./settings.ts";
import { claimsOf, readTruth, sessionWorkflowId } from "./truth.ts";

const NAMESPACE = "default";
/** Shared by all targets; everything else of the stack is Holdfast's own. */
const SERVERS = ["temporal", "valkey"];

/** Everything that runs for a bench. */
export interface System {
  targets: LoadTarget[];
  gauges: Gauges;
  temporal: Client;
  close(): Promise<void>;
}

/** Starts the stack, the model server, the floor and the bare workers, on free ports. On failure nothing is left. */
export async function startSystem(settings: SystemSettings, onProgress: (line: string) => void): Promise<System> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
    forgetProcesses();
  };
  try {
    const model = settings.model === "server" ? await startModel(settings) : undefined;
    if (model !== undefined) closers.push(() => model.process.stop());
    const dir = await dataFolder();
    closers.push(() => rm(dir, { recursive: true, force: true }));
    const stack = await startStack({
      edges: settings.edges,
      env: stackEnv(settings, model?.url),
      dir,
      persist: !settings.memory,
      onProgress,
    });
    closers.push(() => stack.stop());
    const connection = await Connection.connect({ address: stack.temporalAddress });
    closers.push(() => connection.close());
    const temporal = new Client({ connection, namespace: NAMESPACE });
    const targets: LoadTarget[] = [];
    for (const name of settings.targets) {
      const target = await startTarget(name, settings, stack, temporal, model?.process);
      targets.push(target);
      closers.push(() => target.close());
    }
    return { targets, gauges: gaugesOf(stack), temporal, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Beside the data of `npm start`: on the same disk. The system's folder for temporary files may be none. */
async function dataFolder(): Promise<string> {
  await mkdir(DATA_DIR, { recursive: true });
  return mkdtemp(join(DATA_DIR, "bench-"));
}

async function startModel(settings: SystemSettings): Promise<{ url: string; process: Forked }> {
  const port = await getPort();
  const forked = await forkProcess(new URL("./model.ts", import.meta.url), {
    BENCH_MODEL_PORT: `${port}`,
    BENCH_MODEL_SCRIPT: `tokens=${settings.tokens},delay=${settings.tokenDelayMs}ms,first=0ms`,
  });
  return { url: `http://127.0.0.1:${port}/v1`, process: forked };
}

/** The same settings as `npm start`, but for logs and for limits that are there to hold back a load like this one. */
function stackEnv(settings: SystemSettings, modelUrl: string | undefined): Record<string, Record<string, string>> {
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
  settings: SystemSettings,
  stack: Stack,
  temporal: Client,
  model: Forked | undefined,
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
  settings: SystemSettings,
  stack: Stack,
  temporal: Client,
  model: Forked | undefined,
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
    workflowId: sessionWorkflowId,
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
