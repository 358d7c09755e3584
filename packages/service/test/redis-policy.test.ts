import { Writable } from "node:stream";
import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import { type Logger, pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { connectRedis } from "../src/redis.ts";
import { warnOfEviction } from "../src/redis-policy.ts";

function listening(): { log: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const sink = new Writable({
    write: (line: Buffer, _encoding, done) => {
      const { level, msg } = JSON.parse(String(line));
      if (level >= 40) warnings.push(String(msg));
      done();
    },
  });
  return { log: pino(sink), warnings };
}

async function serverWith(policy: string): Promise<ValkeyServer> {
  const server = await startValkey({ args: ["--maxmemory-policy", policy] });
  onTestFinished(() => server.stop());
  return server;
}

/** What is said of a server with this policy to a user who is forbidden these commands. */
async function warningsOf(policy: string, forbidden: readonly string[] = []): Promise<string[]> {
  const redis = new Redis((await serverWith(policy)).url);
  onTestFinished(() => redis.disconnect());
  await redis.call("ACL", "SETUSER", "default", ...forbidden);
  const { log, warnings } = listening();
  await warnOfEviction(redis, log);
  return warnings;
}

test("a process that connects to a server which evicts says so once, with what to do about it", async () => {
  const { url } = await serverWith("volatile-ttl");
  const { log, warnings } = listening();
  for (const role of ["subscriber", "fleet", "commands"] as const) {
    const connection = connectRedis(url, log, role);
    onTestFinished(() => connection.disconnect());
  }
  await expect.poll(() => warnings).toHaveLength(1);
  expect(warnings[0]).toContain("set its maxmemory-policy to noeviction");
});

test("every policy that evicts is warned of, and the one that does not is not, whichever way it is asked for", async () => {
  for (const forbidden of [[], ["-info"], ["-config"]]) {
    expect(await warningsOf("noeviction", forbidden)).toEqual([]);
    expect(await warningsOf("allkeys-lru", forbidden)).toHaveLength(1);
  }
});

test("a policy that cannot be asked for is said to be so", async () => {
  const warnings = await warningsOf("noeviction", ["-info", "-config"]);
  expect(warnings).toEqual([expect.stringContaining("does not tell its maxmemory-policy")]);
});
