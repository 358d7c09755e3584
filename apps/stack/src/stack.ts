import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TemporalClientOptions } from "@holdfast/service/temporal";
import pidusage from "pidusage";
import { edgeUrls, type Offer, stackChildren, type StackPlan, temporalUiUrl } from "./children.ts";
import { serveControlApi } from "./supervision/control-api.ts";
import { requireRedis, requireTemporal } from "./external-server.ts";
import { ROOT } from "./paths.ts";
import { findTemporal, findValkey } from "./provision.ts";
import { StackError } from "./stack-error.ts";
import { freePorts, type StackPorts } from "./stack-ports.ts";
import type { ChildEvent, ChildStatus } from "./supervision/supervised-child.ts";
import { Supervisor } from "./supervision/supervisor.ts";
import { mintToken, type TokenClaims } from "./token.ts";
import { buildWebApp } from "./web-build.ts";

export type { ChildEvent, ChildStatus, StackPorts, TokenClaims };

export interface StackOptions {
  /** Default 2. */
  edges?: number;
  /** Inference workers; default 1. One is named `inference`, several `inference-1`, `inference-2`, … */
  inference?: number;
  /** Default: free ones. */
  ports?: StackPorts;
  /** Where data and logs go; left out, a temporary folder that is removed at the end. */
  dir?: string;
  /** Keep Temporal's and Valkey's data in `dir`. Default: only when `dir` is given. */
  persist?: boolean;
  /** Off by default. */
  temporalUi?: boolean;
  console?: boolean;
  web?: boolean;
  temporalAddress?: string | undefined;
  /** How the apps are told (by `env`) to use that address, or the Temporal that is started. */
  temporal?: Omit<TemporalClientOptions, "HOLDFAST_TEMPORAL_ADDRESS">;
  redisUrl?: string | undefined;
  jwtSecret?: string;
  /** Environment for every app (`all`), the apps of one folder (`edge`), or one child (`edge-1`); later ones win. */
  env?: Record<string, Record<string, string>>;
  /**
   * Root of the source tree an app runs from, by its child's name, asked at every start; undefined for this one. Lets builds
   * of several releases run together, and a restart bring another.
   */
  source?: (name: string) => string | undefined;
  /** What the edges offer, asked whenever one starts; left out, their own default. */
  agents?: () => Offer | undefined;
  /** Be ready without an orchestrator whose agents' code is wrong; `tryCodeAgain` starts it when the code is another. */
  waitForCode?: boolean;
  /** Milliseconds between SIGTERM and SIGKILL at the end; default 8,000. */
  graceMs?: number;
  /** `stop`: gives the start up, with nothing left running. `hurry`: everything is killed, and none of it started again. */
  signals?: { stop: AbortSignal; hurry: AbortSignal };
  /** Done beside everything else that comes before the first process. */
  prepare?: () => Promise<void>;
  onProgress?: (line: string) => void;
  /** Told what works less well than it could. */
  onWarning?: (line: string) => void;
  onEvent?: (event: ChildEvent) => void;
  /** Told the logs of the apps before the first of them is started. */
  onLogs?: (logs: { name: string; path: string }[]) => void;
}

/** CPU time since the process started, and resident memory now. */
export interface ChildUsage {
  pid: number;
  cpuSeconds: number;
  rssBytes: number;
}

/** A running stack. Every method that takes a name throws when there is no child of that name. */
export interface Stack {
  readonly edgeUrls: readonly string[];
  readonly webUrl: string | undefined;
  readonly consoleUrl: string | undefined;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | undefined;
  /** Undefined with a Temporal of somebody else's. */
  readonly temporalMetricsUrl: string | undefined;
  readonly redisUrl: string;
  readonly jwtSecret: string;
  readonly operatorToken: string;
  readonly dir: string;
  readonly ports: StackPorts;
  children(): ChildStatus[];
  /** Sends a signal. With SIGKILL, SIGTERM or SIGINT it resolves when the process has ended. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: the process keeps its connections and answers nothing. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** SIGTERM (what was begun is finished), then waits until its successor is ready. */
  restart(name: string): Promise<void>;
  /** Replaces an orchestrator by one with the code as it is now, also one that waits for it. */
  tryCodeAgain(): void;
  /** Resolves when the child is ready, at once if it is. */
  whenReady(name: string): Promise<void>;
  /** Of the children that run now. */
  usage(): Promise<Record<string, ChildUsage>>;
  /** A token the edges accept; tenant `acme` unless given. */
  token(claims: TokenClaims): Promise<string>;
  /** Ends everything and, with a temporary folder, removes it. */
  stop(): Promise<void>;
}

/** Starts a whole Holdfast as child processes and waits until all of it is ready; on failure nothing is left running. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const plan = await makePlan(options);
  const progress = options.onProgress ?? (() => {});
  const supervisor = new Supervisor({
    runDir: join(plan.dir, "run"),
    graceMs: options.graceMs ?? 8_000,
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  let control: Server | undefined;
  const stop = async (): Promise<void> => {
    control?.close();
    control?.closeAllConnections();
    await supervisor.stop();
    if (options.dir === undefined) await rm(plan.dir, { recursive: true, force: true });
  };
  const { stop: told, hurry } = options.signals ?? {};
  hurry?.addEventListener("abort", () => supervisor.killAll(), { once: true });
  told?.addEventListener("abort", () => void supervisor.stop(), { once: true });
  try {
    await unlessTold(prepare(plan, options, progress), told);
    if (plan.web) control = await serveControlApi(supervisor, plan.ports.control, plan.controlToken);
    const stages = stackChildren(plan);
    const apps = stages.at(-1) ?? [];
    options.onLogs?.(apps.map(({ name, logFile }) => ({ name, path: logFile })));
    for (const stage of stages) await supervisor.startStage(stage);
  } catch (error) {
    await stop();
    throw error;
  }
  return stackOf(plan, supervisor, stop);
}

/** Everything that takes long or may fail before the first process is started. */
async function prepare(plan: StackPlan, options: StackOptions, onProgress: (line: string) => void): Promise<void> {
  const { temporalAddress, redisUrl } = plan;
  const connection = { HOLDFAST_TEMPORAL_NAMESPACE: "default", HOLDFAST_TEMPORAL_TLS: false, ...options.temporal };
  await Promise.all([
    temporalAddress === undefined
      ? findTemporal({ onProgress })
      : requireTemporal({ ...connection, HOLDFAST_TEMPORAL_ADDRESS: temporalAddress }, options.onWarning ?? onProgress),
    redisUrl === undefined ? findValkey({ onProgress }) : requireRedis(redisUrl),
    plan.web ? buildWebApp(onProgress) : undefined,
    options.prepare?.(),
  ]);
}

/** Rejects at once when told to stop; what goes on by itself ends with this process. */
async function unlessTold(work: Promise<void>, told: AbortSignal | undefined): Promise<void> {
  const stopped = new Promise<never>((_, reject) => {
    const refuse = (): void => reject(new StackError("child_failed", "The stack was stopped while it started."));
    if (told?.aborted) refuse();
    else told?.addEventListener("abort", refuse, { once: true });
  });
  await Promise.race([work, stopped]);
}

async function makePlan(options: StackOptions): Promise<StackPlan> {
  const counts = { edges: options.edges ?? 2, inference: options.inference ?? 1 };
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "holdfast-stack-")));
  await mkdir(join(dir, "logs"), { recursive: true });
  return {
    dir,
    ports: options.ports ?? (await freePorts(counts)),
    persist: options.persist ?? options.dir !== undefined,
    temporalUi: options.temporalUi ?? false,
    console: options.console ?? false,
    web: options.web ?? false,
    temporalAddress: options.temporalAddress,
    temporalNamespace: options.temporal?.HOLDFAST_TEMPORAL_NAMESPACE,
    redisUrl: options.redisUrl,
    jwtSecret: options.jwtSecret ?? randomBytes(32).toString("base64url"),
    controlToken: randomBytes(32).toString("base64url"),
    operatorToken: randomBytes(32).toString("base64url"),
    env: options.env ?? {},
    agents: options.agents ?? (() => undefined),
    waitForCode: options.waitForCode ?? false,
    source: (name) => options.source?.(name) ?? ROOT,
  };
}

function stackOf(plan: StackPlan, supervisor: Supervisor, stop: () => Promise<void>): Stack {
  const { ports } = plan;
  const kill = async (name: string, signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const child = supervisor.child(name);
    const gone = child.gone();
    child.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM" || signal === "SIGINT") await gone;
  };
  const whenReady = (name: string): Promise<void> => supervisor.child(name).whenReady();
  return {
    edgeUrls: edgeUrls(ports),
    webUrl: plan.web ? `http://localhost:${ports.web}` : undefined,
    consoleUrl: plan.console ? `http://localhost:${ports.console}` : undefined,
    temporalAddress: plan.temporalAddress ?? `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: temporalUiUrl(plan),
    temporalMetricsUrl:
      plan.temporalAddress === undefined ? `http://127.0.0.1:${ports.temporalMetrics}/metrics` : undefined,
    redisUrl: plan.redisUrl ?? `redis://127.0.0.1:${ports.valkey}`,
    jwtSecret: plan.jwtSecret,
    operatorToken: plan.operatorToken,
    dir: plan.dir,
    ports,
    children: () => supervisor.children(),
    kill,
    pause: (name) => kill(name, "SIGSTOP"),
    resume: (name) => kill(name, "SIGCONT"),
    restart: async (name) => {
      await kill(name, "SIGTERM");
      await whenReady(name);
    },
    tryCodeAgain: () => {
      const orchestrator = supervisor.child("orchestrator");
      if (!orchestrator.kill("SIGTERM")) orchestrator.tryAgain();
    },
    whenReady,
    usage: () => usageOf(supervisor.children()),
    token: (claims) => mintToken(plan.jwtSecret, claims),
    stop,
  };
}

async function usageOf(children: readonly ChildStatus[]): Promise<Record<string, ChildUsage>> {
  const running = children.flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid }]));
  const usages = await pidusage(running.map(({ pid }) => pid));
  const entries = running.flatMap(({ name, pid }) => {
    const usage = usages[pid];
    return usage === undefined
      ? []
      : [[name, { pid, cpuSeconds: usage.ctime / 1_000, rssBytes: usage.memory }] as const];
  });
  return Object.fromEntries(entries);
}
