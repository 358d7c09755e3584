import { readFileSync } from "node:fs";
import type { Cluster, Redis, Result } from "ioredis";
import { NUMBER_OF_KEYS } from "./keys.ts";

type Argument = string | number;

declare module "ioredis" {
  // The names are Lua files beside this one; an own prefix keeps them apart from Redis's commands.
  interface RedisCommander<Context> {
    holdfastBegin(...args: Argument[]): Result<unknown, Context>;
    holdfastWrite(...args: Argument[]): Result<unknown, Context>;
    holdfastCommit(...args: Argument[]): Result<unknown, Context>;
    holdfastNotice(...args: Argument[]): Result<unknown, Context>;
    holdfastRestore(...args: Argument[]): Result<unknown, Context>;
    holdfastStop(...args: Argument[]): Result<unknown, Context>;
    holdfastHeld(...args: Argument[]): Result<unknown, Context>;
    holdfastSnapshot(...args: Argument[]): Result<unknown, Context>;
    holdfastPlace(...args: Argument[]): Result<unknown, Context>;
    holdfastRead(...args: Argument[]): Result<unknown, Context>;
    holdfastVerification(...args: Argument[]): Result<unknown, Context>;
    holdfastMarkVerified(...args: Argument[]): Result<unknown, Context>;
    holdfastProbe(...args: Argument[]): Result<unknown, Context>;
  }
}

const READ = source("head");
const WRITE = READ + source("log");
const VERIFICATION = READ + source("replication-id");

/** Teaches a connection the log's scripts. Each call is one EVALSHA; the source goes over once per connection. */
export function defineScripts(redis: Redis | Cluster): void {
  const define = (name: string, lua: string): void => redis.defineCommand(name, { numberOfKeys: NUMBER_OF_KEYS, lua });
  define("holdfastBegin", WRITE + source("begin"));
  define("holdfastWrite", WRITE + source("write"));
  define("holdfastCommit", WRITE + source("commit"));
  define("holdfastNotice", WRITE + source("notice"));
  define("holdfastRestore", WRITE + source("restore"));
  define("holdfastStop", WRITE + source("stop"));
  define("holdfastHeld", READ + source("held"));
  define("holdfastSnapshot", VERIFICATION + source("snapshot"));
  define("holdfastPlace", READ + source("place"));
  define("holdfastRead", READ + source("read"));
  define("holdfastVerification", VERIFICATION + source("verification"));
  define("holdfastMarkVerified", VERIFICATION + source("mark-verified"));
  defineProbe(redis);
}

/** What a connection needs that only looks whether writes are taken. */
export function defineProbe(redis: Redis | Cluster): void {
  redis.defineCommand("holdfastProbe", { numberOfKeys: NUMBER_OF_KEYS, lua: VERIFICATION + source("probe") });
}

/**
 * A script's first argument: its named numbers and words, which Lua decodes. What is JSON of agents and clients goes beside it as
 * text: Lua has one table for [] and {}, and doubles for numbers.
 */
export function scalars(values: { [name: string]: string | number }): string {
  return JSON.stringify(values);
}

function source(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
}
