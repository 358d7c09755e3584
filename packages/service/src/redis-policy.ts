import { Cluster, type Redis } from "ioredis";
import type { Logger } from "./log.ts";

const WANTED = "noeviction";

/**
 * Warns, once a connection was made, of a server that would rather drop a session's keys than refuse to take more: sessions
 * survive that, but each costs a Query of its workflow and a snapshot for everybody who reads it, when the server is busiest.
 * Only a warning: the server is not this process's, and works. Never rejects.
 */
export async function warnOfEviction(connection: Redis | Cluster, log: Logger): Promise<void> {
  const servers = connection instanceof Cluster ? connection.nodes("master") : [connection];
  const policies = new Set(await Promise.all(servers.map(policyOf)));
  policies.delete(WANTED);
  for (const policy of policies) {
    if (policy === undefined)
      log.warn(
        "redis does not tell its maxmemory-policy to this user: see to it that it is noeviction, or allow INFO or CONFIG|GET",
      );
    else
      log.warn(
        { policy },
        "redis may drop parts of sessions when its memory is full: set its maxmemory-policy to noeviction (CONFIG SET maxmemory-policy noeviction, and in its configuration file)",
      );
  }
}

/** Undefined where the server does not tell. */
async function policyOf(server: Redis): Promise<string | undefined> {
  try {
    const told = /^maxmemory_policy:(\S+)/m.exec(await server.info("memory"))?.[1];
    if (told !== undefined) return told;
  } catch {
    // Forbidden to this user: the other way may not be.
  }
  try {
    const [, policy] = await server.config("GET", "maxmemory-policy");
    return policy;
  } catch {
    return undefined;
  }
}
