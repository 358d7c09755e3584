import { readFileSync } from "node:fs";
import type { Cluster, Redis, Result } from "ioredis";

type Argument = string | number;

declare module "ioredis" {
  // The names are Lua files beside this one; an own prefix keeps them apart from Redis's commands.
  interface RedisCommander<Context> {
    holdfastBegin(...args: Argument[]): Result<unknown, Context>;
    holdfastText(...args: Argument[]): Result<unknown, Context>;
    holdfastCommit(...args: Argument[]): Result<unknown, Context>;
    holdfastRestore(...args: Argument[]): Result<unknown, Context>;
    holdfastStop(...args: Argument[]): Result<unknown, Context>;
    holdfastSnapshot(...args: Argument[]): Result<unknown, Context>;
    holdfastHead(...args: Argument[]): Result<unknown, Context>;
    holdfastRead(...args: Argument[]): Result<unknown, Context>;
    holdfastVerification(...args: Argument[]): Result<unknown, Context>;
    holdfastMarkVerified(...args: Argument[]): Result<unknown, Context>;
    holdfastProbe(...args: Argument[]): Result<unknown, Context>;
  }
}

const READ = source("head");
const WRITE = READ + source("log");
const VERIFICATION = READ + source("replication-id");
const KEYS = 7;

/** Teaches a connection the log's scripts. Each call is one EVALSHA; the source goes over once per connection. */
export function defineScripts(redis: Redis | Cluster): void {
  redis.defineCommand("holdfastBegin", { numberOfKeys: KEYS, lua: WRITE + source("begin") });
  redis.defineCommand("holdfastText", { numberOfKeys: KEYS, lua: WRITE + source("text") });
  redis.defineCommand("holdfastCommit", { numberOfKeys: KEYS, lua: WRITE + source("commit") });
  redis.defineCommand("holdfastRestore", { numberOfKeys: KEYS, lua: WRITE + source("restore") });
  redis.defineCommand("holdfastStop", { numberOfKeys: KEYS, lua: WRITE + source("stop") });
  redis.defineCommand("holdfastSnapshot", { numberOfKeys: KEYS, lua: VERIFICATION + source("snapshot") });
  redis.defineCommand("holdfastHead", { numberOfKeys: KEYS, lua: READ + source("place") });
  redis.defineCommand("holdfastRead", { numberOfKeys: KEYS, lua: READ + source("read") });
  redis.defineCommand("holdfastVerification", { numberOfKeys: KEYS, lua: VERIFICATION + source("verification") });
  redis.defineCommand("holdfastMarkVerified", { numberOfKeys: KEYS, lua: VERIFICATION + source("mark-verified") });
}

/** What a connection needs that only looks whether writes are taken. */
export function defineProbe(redis: Redis | Cluster): void {
  redis.defineCommand("holdfastProbe", { numberOfKeys: KEYS, lua: VERIFICATION + source("probe") });
}

function source(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
}
