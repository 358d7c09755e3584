import { connect } from "node:net";
import { redisAddressOf } from "@holdfast/service/redis-address";
import { ageWarning, checkTemporal } from "@holdfast/service/temporal-check";
import type { TemporalClientOptions } from "@holdfast/service/temporal";
import { Redis } from "ioredis";
import { StackError } from "./stack-error.ts";

const CONNECT_MS = 5_000;
/** The first release of Redis with sharded publish and subscribe, and of every Valkey. */
const OLDEST_REDIS = 7;

/** Rejects with a sentence when nothing listens at a server somebody else runs; the apps would only wait for it in vain. */
async function requireReachable(variable: string, hosts: readonly Host[]): Promise<Host> {
  const answers = await Promise.all(hosts.map(({ host, port }) => listens(host, port)));
  const first = hosts.find((_, index) => answers[index]);
  if (first !== undefined) return first;
  throw new StackError(
    "unreachable",
    `Nothing answers at ${variable} (${hosts.map(({ host, port }) => `${host}:${port}`).join(", ")}): start that server or ` +
      `correct the address, or unset ${variable} to have one started for you.`,
  );
}

const ONE_TRY = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_MS,
  commandTimeout: CONNECT_MS,
  enableReadyCheck: false,
};

interface Host {
  host: string;
  port: number;
}

/** Rejects with a sentence when the apps could not work with this Temporal. `onWarning` is told what they could do without. */
export async function requireTemporal(
  settings: TemporalClientOptions,
  onWarning: (line: string) => void,
): Promise<void> {
  const [, host = "", port = "7233"] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(settings.HOLDFAST_TEMPORAL_ADDRESS) ?? [];
  await requireReachable("HOLDFAST_TEMPORAL_ADDRESS", [{ host, port: Number(port) }]);
  const { problem, version } = await checkTemporal(settings);
  if (problem !== undefined) throw new StackError("unusable_server", problem.message);
  const old = ageWarning(version);
  if (old !== undefined) onWarning(old);
}

/** Rejects with a sentence when the apps could not work with this Redis. Nothing in it shows a password. */
export async function requireRedis(url: string): Promise<void> {
  const address = redisAddressOf(url);
  if (address === undefined) throw new Error("HOLDFAST_REDIS_URL names no Redis.");
  switch (address.kind) {
    case "single": {
      const { hostname, port, protocol } = new URL(url);
      const host = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? 6_379 : Number(port) };
      await requireReachable("HOLDFAST_REDIS_URL", [host]);
      await ask(host, (options) => new Redis(url, options), protocol === "rediss:", requireRelease);
      return;
    }
    case "sentinel": {
      const host = await requireReachable("HOLDFAST_REDIS_URL", address.sentinels);
      await ask(
        host,
        (options) => new Redis({ ...host, ...options }),
        false,
        async (redis) => {
          const primary = await redis.call("SENTINEL", "get-master-addr-by-name", address.name);
          if (primary === null)
            refuse(
              host,
              `is a sentinel that watches no "${address.name}": correct the name at the end of HOLDFAST_REDIS_URL`,
            );
        },
      );
      return;
    }
    case "cluster": {
      const host = await requireReachable("HOLDFAST_REDIS_URL", address.nodes);
      await ask(
        host,
        (options) => new Redis({ ...host, ...address.credentials, ...options }),
        false,
        async (redis) => {
          await requireRelease(redis, host);
          if (!(await redis.info("cluster")).includes("cluster_enabled:1"))
            refuse(host, "is not part of a cluster: write redis://host:port");
        },
      );
    }
  }
}

async function ask(
  host: Host,
  open: (options: typeof ONE_TRY) => Redis,
  isTls: boolean,
  use: (redis: Redis, host: Host) => Promise<void>,
): Promise<void> {
  const redis = open(ONE_TRY);
  let failure: Error | undefined;
  redis.on("error", (error: Error) => {
    failure ??= error;
  });
  try {
    await redis.connect();
    await use(redis, host);
  } catch (error) {
    if (error instanceof StackError) throw error;
    // What the connection said first tells more than "Connection is closed.".
    const said = (failure ?? error) instanceof Error ? (failure ?? error) : undefined;
    refuse(host, redisSentence(said instanceof Error ? said.message : String(error), isTls));
  } finally {
    redis.disconnect();
  }
}

async function requireRelease(redis: Redis, host: Host): Promise<void> {
  const info = await redis.info("server");
  const version = /^redis_version:(\d+)\.(\S+)/m.exec(info);
  if (version !== null && Number(version[1]) < OLDEST_REDIS) {
    refuse(
      host,
      `is Redis ${version[1]}.${version[2]}, which cannot publish to shards: run Redis ${OLDEST_REDIS} or later, or Valkey`,
    );
  }
}

function redisSentence(error: string, isTls: boolean): string {
  if (/NOAUTH/.test(error))
    return "wants a password: write redis://:password@host:port, or redis://user:password@host:port";
  if (/WRONGPASS|invalid username-password|invalid password|without any password/i.test(error))
    return "does not accept the user or the password: correct them (and percent-encode what is special in them)";
  if (/NOPERM/.test(error))
    return `does not let this user do what is needed (${error}): give it the right to, by ACL SETUSER`;
  if (isTls && /wrong version number|EPROTO|packet length|ECONNRESET|closed|timed ?out/i.test(error))
    return "does not speak TLS: write redis:// instead of rediss://";
  if (isTls && /certificate|self-signed|altname|verify/i.test(error))
    return `has a certificate that is not trusted here (${error}): name its authority in NODE_EXTRA_CA_CERTS`;
  if (/unknown command.*sentinel/i.test(error)) return "is not a sentinel: write redis://host:port";
  if (/LOADING/.test(error)) return "is still loading its data: wait for it";
  return `does not answer as a Redis does (${error}): is it one, and does it want TLS (rediss://)`;
}

function refuse({ host, port }: Host, why: string): never {
  throw new StackError("unusable_server", `What answers at HOLDFAST_REDIS_URL (${host}:${port}) ${why}.`);
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
  });
}
