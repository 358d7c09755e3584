import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startTemporal, startValkey, type TemporalServer, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import type { Undo } from "../kit/fixture.ts";
import { withTemporal } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";

export type ServerName = "redis" | "temporal";

/**
 * How a server goes away, and what it is when it comes back. `kill`: SIGKILL, and back with its data. `empty`: SIGKILL, and
 * back without. `hang`: SIGSTOP, so that connections stay open and nothing is answered. `replace`: it hangs, and an empty one
 * takes its place.
 */
export type Manner = "kill" | "empty" | "hang" | "replace";

export interface Absence {
  server: ServerName;
  manner: Manner;
}

/** Milliseconds a server has to answer before it counts as away. */
const ANSWER_MS = 1_000;

/** A connection that is closed afterwards. A server that is not there is told at once. */
export async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>, timeoutMs = 10_000): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: timeoutMs });
  redis.on("error", () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** A Valkey and a Temporal that no supervisor mends: they come back when they are told to, on the same ports. */
export async function startServers(dir: string, undo: Undo) {
  const dirs = { redis: join(dir, "redis"), temporal: join(dir, "temporal") };
  const [valkey, temporal] = await Promise.all([
    startValkey({ dir: dirs.redis }),
    startTemporal({ dir: dirs.temporal }),
  ]);
  const servers: Record<ServerName, ValkeyServer | TemporalServer> = { redis: valkey, temporal };
  undo(() => Promise.all(Object.values(servers).map((server) => server.stop())));

  const restart = {
    redis: () => startValkey({ dir: dirs.redis, port: valkey.port }),
    temporal: () => startTemporal({ dir: dirs.temporal, port: Number(temporal.address.split(":")[1]) }),
  };
  const ask = {
    redis: () => withRedis(valkey.url, (redis) => redis.ping(), ANSWER_MS),
    temporal: () =>
      withTemporal(temporal.address, (client) =>
        client.withDeadline(Date.now() + ANSWER_MS, () => client.workflowService.getSystemInfo({})),
      ),
  };
  const answers = (server: ServerName): Promise<boolean> =>
    ask[server]().then(
      () => true,
      () => false,
    );

  return {
    redisUrl: valkey.url,
    temporalAddress: temporal.address,

    /** Resolves when the server answers nobody any more. */
    async take({ server, manner }: Absence): Promise<void> {
      const hangs = manner === "hang" || manner === "replace";
      servers[server].kill(hangs ? "SIGSTOP" : "SIGKILL");
      if (!hangs) await servers[server].exited;
      await until(`${server} is away`, async () => !(await answers(server)));
    },

    /** Resolves when the server serves again. */
    async bringBack({ server, manner }: Absence): Promise<void> {
      if (manner === "hang") servers[server].kill("SIGCONT");
      else {
        servers[server].kill("SIGKILL");
        await servers[server].exited;
        if (manner !== "kill") await rm(dirs[server], { recursive: true });
        servers[server] = await restart[server]();
      }
      await until(`${server} is back`, () => answers(server));
    },
  };
}
