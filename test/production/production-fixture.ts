import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { SupervisedChild } from "@holdfast/stack/supervision/supervised-child";
import { execa } from "execa";
import { parse } from "yaml";
import { z } from "zod";
import { type Fixture, startFixture, temporaryFolder, type Undo, withUndo } from "../kit/fixture.ts";
import { withTemporal } from "../kit/temporal.ts";
import { POSTGRES_USER, PostgresServer } from "./postgres-server.ts";
import type { Programs } from "./programs.ts";

const DOCKER = fileURLToPath(new URL("../../docker/", import.meta.url));

/** As many as a small production cluster has; the development server has one. */
const HISTORY_SHARDS = "64";
/** Milliseconds the server has to answer before it counts as not ready. */
const ANSWER_MS = 2_000;

/** All of Temporal is one process here, and each of its services has ports of its own. */
const SERVICES = ["FRONTEND", "HISTORY", "MATCHING", "WORKER"];
const PORTS = [...SERVICES.flatMap((name) => [`${name}_GRPC_PORT`, `${name}_MEMBERSHIP_PORT`]), "FRONTEND_HTTP_PORT"];

/** A whole Holdfast on the production Temporal, and that on a PostgreSQL. */
export interface ProductionFixture extends Fixture {
  readonly postgres: PostgresServer;
  /** Started again when it ends, as a container would be. */
  readonly temporal: SupervisedChild;
  /** Where logs are while it is open. */
  readonly logs: string;
}

export function openProductionFixture(programs: Programs): Promise<ProductionFixture> {
  return withUndo(async (undo) => {
    const dir = await temporaryFolder(undo, "production");
    const logs = join(dir, "logs");
    await mkdir(logs);
    const postgres = await PostgresServer.start(programs, join(logs, "postgres.log"), undo);
    const temporalAddress = `127.0.0.1:${await freePort()}`;
    const temporal = await startTemporal(
      programs,
      { address: temporalAddress, databasePort: postgres.port, dir },
      undo,
    );
    const fixture = await startFixture({ dir, persist: true, edges: 2, inference: 2, temporalAddress });
    undo(() => fixture.close());
    return { ...fixture, postgres, temporal, logs };
  });
}

/**
 * The Temporal server that production runs, with the settings and by the scripts of `docker/`: brings the databases to their
 * schema, starts the server and creates the namespace. `databasePort`: of PostgreSQL, at 127.0.0.1. `dir`: for what it needs itself.
 */
async function startTemporal(
  programs: Programs,
  { address, databasePort, dir }: { address: string; databasePort: number; dir: string },
  undo: Undo,
): Promise<SupervisedChild> {
  const logFile = join(dir, "logs", "temporal.log");
  const env = await serverEnvironment(address, databasePort);
  const launch = async () => {
    const options = { env, cwd: dir, logFile };
    const launched = await startGuarded(programs.temporalServer, ["--allow-no-auth", "start"], options);
    return { ...launched, ready: untilReady(launched, "Temporal", () => serves(address)) };
  };
  const server = new SupervisedChild({ name: "temporal", logFile, launch }, () => undefined);
  // Scripts call Temporal's tools by their usual names.
  await symlink(programs.temporalSqlTool, join(dir, "temporal-sql-tool"));
  await symlink(programs.temporalCli, join(dir, "temporal"));
  const script = (name: string, settings: Record<string, string>) => {
    const path = `${dir}:${process.env["PATH"] ?? ""}`;
    return execa("sh", [join(DOCKER, "temporal", name)], { env: { ...settings, PATH: path }, all: true });
  };
  const database = { POSTGRES_SEEDS: "127.0.0.1", POSTGRES_PORT: `${databasePort}`, POSTGRES_USER };
  // Its password is not asked for: PostgreSQL trusts whoever comes from this machine.
  await script("setup-schema.sh", { ...database, SQL_PASSWORD: "unused" });
  undo(() => server.stop(5_000));
  await server.start();
  const namespace = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: "default", RETENTION: "72h" };
  await script("create-namespace.sh", namespace);
  return server;
}

const composeSchema = z.object({
  services: z.object({ temporal: z.object({ environment: z.record(z.string(), z.string()) }) }),
});

/** What `docker/compose.yaml` gives its server, but for where things are, and how much of it there is. */
async function serverEnvironment(address: string, databasePort: number): Promise<NodeJS.ProcessEnv> {
  const compose = await readFile(join(DOCKER, "compose.yaml"), "utf8");
  const { services } = composeSchema.parse(parse(compose, { merge: true }));
  const ports: Record<string, string> = {};
  for (const name of PORTS) ports[name] = `${await freePort()}`;
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
    ...ports,
    FRONTEND_GRPC_PORT: address.split(":")[1],
  };
}

/** It answers for all of itself. The namespace may not exist yet. */
function serves(address: string): Promise<boolean> {
  return withTemporal(address, async (temporal) => {
    await temporal.withDeadline(Date.now() + ANSWER_MS, () => temporal.workflowService.getClusterInfo({}));
    return true;
  });
}
