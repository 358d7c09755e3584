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
    holdfastRead(...args: Argument[]): Result<unknown, Context>;
    holdfastProof(...args: Argument[]): Result<unknown, Context>;
    holdfastProve(...args: Argument[]): Result<unknown, Context>;
  }
}

const LIBRARY = source("log");
const EPOCH = source("epoch");
const KEYS = 7;

/** Teaches a connection the log's scripts. Each call is one EVALSHA; the source goes over once per connection. */
export function defineScripts(redis: Redis | Cluster): void {
  redis.defineCommand("holdfastBegin", { numberOfKeys: KEYS, lua: LIBRARY + source("begin") });
  redis.defineCommand("holdfastText", { numberOfKeys: KEYS, lua: LIBRARY + source("text") });
  redis.defineCommand("holdfastCommit", { numberOfKeys: KEYS, lua: LIBRARY + source("commit") });
  redis.defineCommand("holdfastRestore", { numberOfKeys: KEYS, lua: LIBRARY + source("restore") });
  redis.defineCommand("holdfastStop", { numberOfKeys: KEYS, lua: LIBRARY + source("stop") });
  redis.defineCommand("holdfastSnapshot", { numberOfKeys: KEYS, lua: EPOCH + source("snapshot") });
  redis.defineCommand("holdfastRead", { numberOfKeys: KEYS, lua: source("read") });
  redis.defineCommand("holdfastProof", { numberOfKeys: KEYS, lua: EPOCH + source("proof") });
  redis.defineCommand("holdfastProve", { numberOfKeys: KEYS, lua: EPOCH + source("prove") });
}

function source(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
}
