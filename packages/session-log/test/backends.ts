import { connectRedis, type RedisConnection } from "@holdfast/service/redis";
import { createLogger } from "@holdfast/service/log";
import { startCluster } from "@holdfast/redis-topologies";
import { findRedis, findValkey } from "@holdfast/stack/provision";
import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe } from "vitest";

const log = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

/** A real server, or three. `connect`: as the processes do, closed with the backend. */
export interface Backend {
  connect(role: "commands" | "subscriber"): Promise<RedisConnection>;
  /** One connection to each server, for what no client of the log does. */
  nodes: Redis[];
}

export interface Servers {
  url: string;
  ports: number[];
  stop(): Promise<void>;
}

const redis = await findRedis();
const KINDS = {
  "Valkey standalone": async () => single(await startValkey({ executable: await findValkey({ pinned: true }) })),
  "Redis standalone": async () => single(await startValkey(redis === undefined ? {} : { executable: redis })),
  "Valkey Cluster": startMasters,
} satisfies Record<string, () => Promise<Servers>>;

/** Runs one suite against every kind of server this machine has. */
export function describeBackends(what: string, suite: (backend: Backend) => void): void {
  for (const [name, start] of Object.entries(KINDS)) {
    const absent = name.startsWith("Redis") && redis === undefined;
    describe.skipIf(absent)(`${what}, ${name}${absent ? " (no redis-server on PATH)" : ""}`, () => {
      suite(backendOf(start));
    });
  }
}

/** Starts before the tests of the current suite, stops after them. */
export function backendOf(start: () => Promise<Servers>): Backend {
  const open: { disconnect(): void }[] = [];
  let servers: Servers;
  const backend: Backend = {
    nodes: [],
    connect: async (role) => {
      const connection = connectRedis(servers.url, log, role);
      open.push(connection);
      if (connection.status !== "ready") await new Promise((resolve) => connection.once("ready", resolve));
      return connection;
    },
  };
  beforeAll(async () => {
    servers = await start();
    for (const port of servers.ports) backend.nodes.push(new Redis(port, "127.0.0.1"));
    open.push(...backend.nodes);
  });
  afterAll(async () => {
    for (const connection of open) connection.disconnect();
    await servers.stop();
  });
  return backend;
}

/** A Cluster of three masters. */
export async function startMasters(): Promise<Servers> {
  const cluster = await startCluster({ replicas: 0 });
  return { url: cluster.url, ports: cluster.ports(), stop: () => cluster.stop() };
}

export function single(server: ValkeyServer): Servers {
  return { url: server.url, ports: [server.port], stop: () => server.stop() };
}
