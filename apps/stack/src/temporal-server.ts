import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Connection } from "@temporalio/client";
import { flags } from "./flags.ts";
import { type GuardedProcess, startGuarded, untilReady } from "./guarded-process.ts";
import { freePort } from "./ports.ts";
import { findTemporal } from "./provision.ts";

export interface TemporalOptions {
  /** Folder of the database, which survives restarts; left out, everything is in memory and gone at the end. */
  dir?: string | undefined;
  /** Free ports are chosen for those left out. No `uiPort`: no Web UI. */
  port?: number;
  metricsPort?: number;
  uiPort?: number | undefined;
  /** Made at the start, besides `default`. */
  namespace?: string | undefined;
  executable?: string | undefined;
  logFile?: string | undefined;
  args?: readonly string[];
}

export interface TemporalServer {
  /** host:port of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | undefined;
  readonly metricsUrl: string;
  readonly pid: number;
  readonly exited: GuardedProcess["exited"];
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * The development server has one shard, which by default loads its tasks at most 20 times a second: every hop of a
 * turn would then wait 40–50 ms. Production clusters have hundreds of shards and do not feel that limit.
 */
const DYNAMIC_CONFIG = [
  "history.transferProcessorMaxPollRPS=300",
  "history.timerProcessorMaxPollRPS=300",
  "matching.enableFairness=true",
];

/**
 * Of the database's file. With a write-ahead log a commit costs one sync instead of several; every commit is still synced, so
 * what was acknowledged survives a power cut as before. SQLite turns a file that was made without one into one with it.
 */
const SQLITE_PRAGMAS = ["journal_mode=wal", "synchronous=2"];

/** Starts a Temporal development server on the loopback interface and waits until it serves the default namespace. */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const port = options.port ?? (await freePort());
  const metricsPort = options.metricsPort ?? (await freePort());
  const server = await launchTemporal({ ...options, port, metricsPort });
  await server.ready;
  return {
    address: `127.0.0.1:${port}`,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    pid: server.pid,
    exited: server.exited,
    stop: () => server.stop(),
    kill: (signal) => server.kill(signal),
  };
}

/** Like `startTemporal`, but does not wait: `ready` says when it serves, and rejects when it never will. */
export async function launchTemporal(
  options: TemporalOptions & { port: number; metricsPort: number },
): Promise<GuardedProcess & { ready: Promise<void> }> {
  const executable = options.executable ?? (await findTemporal());
  if (options.dir !== undefined) await mkdir(options.dir, { recursive: true });
  const server = await startGuarded(executable, serverArguments(options), { logFile: options.logFile });
  return { ...server, ready: untilReady(server, "Temporal", () => serves(`127.0.0.1:${options.port}`)) };
}

function serverArguments(options: TemporalOptions & { port: number; metricsPort: number }): string[] {
  const { port, metricsPort, uiPort, namespace, dir } = options;
  return [
    "server",
    "start-dev",
    ...flags({ ip: "127.0.0.1", port, "metrics-port": metricsPort, "log-level": "warn" }),
    ...(uiPort === undefined ? ["--headless"] : flags({ "ui-port": uiPort })),
    ...(namespace === undefined ? [] : flags({ namespace })),
    ...(dir === undefined ? [] : databaseArguments(dir)),
    ...DYNAMIC_CONFIG.flatMap((value) => flags({ "dynamic-config-value": value })),
    ...(options.args ?? []),
  ];
}

function databaseArguments(dir: string): string[] {
  const pragmas = SQLITE_PRAGMAS.flatMap((pragma) => flags({ "sqlite-pragma": pragma }));
  return [...flags({ "db-filename": join(dir, "temporal.db") }), ...pragmas];
}

/** The health service answers before the default namespace exists, so both are asked. */
async function serves(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: 1_000 });
  try {
    await connection.healthService.check({ service: "temporal.api.workflowservice.v1.WorkflowService" });
    await connection.workflowService.describeNamespace({ namespace: "default" });
    return true;
  } finally {
    await connection.close();
  }
}
