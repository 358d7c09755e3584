import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { type ChildEvent, SupervisedChild } from "@holdfast/stack/supervision/supervised-child";
import { execa } from "execa";
import { parse } from "yaml";
import { z } from "zod";
import { withTemporal } from "../kit/temporal.ts";
import { POSTGRES_USER } from "./postgres-server.ts";
import type { Programs } from "./programs.ts";

const DOCKER = fileURLToPath(new URL("../../docker/", import.meta.url));

/** As many as a small production cluster has; the development server has one. */
const HISTORY_SHARDS = "64";
/** Milliseconds the server has to answer before it counts as not ready. */
const ANSWER_MS = 2_000;

/** Every port of a server that is all of Temporal's services in one process, by the variable that moves it. */
const PORTS = [
  "FRONTEND_GRPC_PORT",
  "FRONTEND_HTTP_PORT",
  "FRONTEND_MEMBERSHIP_PORT",
  "HISTORY_GRPC_PORT",
  "HISTORY_MEMBERSHIP_PORT",
  "MATCHING_GRPC_PORT",
  "MATCHING_MEMBERSHIP_PORT",
  "WORKER_GRPC_PORT",
  "WORKER_MEMBERSHIP_PORT",
] as const;

export interface TemporalClusterOptions {
  /** Of PostgreSQL, at 127.0.0.1. */
  databasePort: number;
  /** For what it needs itself, and its log. */
  dir: string;
  logFile: string;
  onEvent?: (event: ChildEvent) => void;
}

/**
 * The Temporal server that production runs, with the settings and by the scripts of `docker/`; what is away is started again,
 * as a container would be.
 */
export class TemporalCluster {
  readonly address: string;
  readonly #server: SupervisedChild;

  private constructor(address: string, server: SupervisedChild) {
    this.address = address;
    this.#server = server;
  }

  /** Brings the databases to their schema, starts the server and creates the namespace. */
  static async start(programs: Programs, options: TemporalClusterOptions): Promise<TemporalCluster> {
    const { databasePort, dir, logFile } = options;
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const server = new SupervisedChild(
      {
        name: "temporal",
        logFile,
        launch: async () => {
          const launched = await startGuarded(programs.temporalServer, ["--allow-no-auth", "start"], {
            env,
            cwd: dir,
            logFile,
          });
          return { ...launched, ready: untilReady(launched, "Temporal", () => serves(address)) };
        },
      },
      options.onEvent ?? (() => undefined),
    );
    const env = await serverEnvironment(port, databasePort);
    const script = scriptRunner(programs, dir);
    const database = { POSTGRES_SEEDS: "127.0.0.1", POSTGRES_PORT: `${databasePort}`, POSTGRES_USER };
    // Its password is not asked for: PostgreSQL trusts whoever comes from this machine.
    await script("setup-schema.sh", { ...database, SQL_PASSWORD: "unused" });
    try {
      await server.start();
      await script("create-namespace.sh", {
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: "default",
        RETENTION: "72h",
      });
    } catch (error) {
      await server.stop(0);
      throw error;
    }
    return new TemporalCluster(address, server);
  }

  /** How often it was started again, whoever had ended it. */
  get restarts(): number {
    return this.#server.status.restarts;
  }

  /** SIGKILL; resolves when its successor serves. */
  async kill(): Promise<void> {
    const gone = this.#server.gone();
    this.#server.kill("SIGKILL");
    await gone;
    await this.#server.whenReady();
  }

  whenReady(): Promise<void> {
    return this.#server.whenReady();
  }

  async stop(): Promise<void> {
    await this.#server.stop(5_000);
  }
}

const composeSchema = z.object({
  services: z.object({ temporal: z.object({ environment: z.record(z.string(), z.string()) }) }),
});

/** What `docker/compose.yaml` gives its server, but for where things are, and how much of it there is. */
async function serverEnvironment(port: number, databasePort: number): Promise<NodeJS.ProcessEnv> {
  const { services } = composeSchema.parse(
    parse(await readFile(join(DOCKER, "compose.yaml"), "utf8"), { merge: true }),
  );
  const ports: [string, string][] = [];
  for (const name of PORTS) ports.push([name, `${name === "FRONTEND_GRPC_PORT" ? port : await freePort()}`]);
  return {
    ...services.temporal.environment,
    POSTGRES_SEEDS: "127.0.0.1",
    POSTGRES_USER,
    POSTGRES_PWD: "unused",
    DB_PORT: `${databasePort}`,
    NUM_HISTORY_SHARDS: HISTORY_SHARDS,
    BIND_ON_IP: "127.0.0.1",
    PROMETHEUS_ENDPOINT: `127.0.0.1:${await freePort()}`,
    DYNAMIC_CONFIG_FILE_PATH: join(DOCKER, "temporal", "dynamic-config.yaml"),
    LOG_LEVEL: "warn",
    ...Object.fromEntries(ports),
  };
}

/** Runs a script of `docker/temporal`, which calls Temporal's tools by their usual names. */
function scriptRunner(programs: Programs, dir: string) {
  const linked = Promise.all([
    symlink(programs.temporalSqlTool, join(dir, "temporal-sql-tool")),
    symlink(programs.temporalCli, join(dir, "temporal")),
  ]);
  return async (name: string, env: Record<string, string>): Promise<void> => {
    await linked;
    const path = `${dir}:${process.env["PATH"] ?? ""}`;
    await execa("sh", [join(DOCKER, "temporal", name)], { env: { ...env, PATH: path }, all: true });
  };
}

/** It answers for all of itself. The namespace may not exist yet. */
function serves(address: string): Promise<boolean> {
  return withTemporal(address, async (temporal) => {
    await temporal.withDeadline(Date.now() + ANSWER_MS, () => temporal.workflowService.getClusterInfo({}));
    return true;
  });
}
