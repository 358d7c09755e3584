import { fileURLToPath } from "node:url";
import type { Patch } from "../builds/patched-tree.ts";

/**
 * Bounds that take hours to reach, within reach of seconds: a run continues as new after some turns, a log expires when a
 * session rests for a moment and is trimmed within a turn. Not sooner than that: a log that expires while a workflow task is
 * executed again is two faults at once, of which docs/guarantees.md promises nothing (turn-2).
 */
export const SMALL_BOUNDS: readonly Patch[] = [
  {
    file: "workflows/src/session/continue-as-new.ts",
    find: "const HISTORY_EVENTS = 400;",
    replace: "const HISTORY_EVENTS = 120;",
  },
  { file: "workflows/src/session/continue-as-new.ts", find: "const SIGNALS = 2_000;", replace: "const SIGNALS = 40;" },
  { file: "packages/contract/src/limits.ts", find: "logTtlSeconds: 24 * 3600", replace: "logTtlSeconds: 3" },
  { file: "packages/contract/src/limits.ts", find: "logFrames: 4000", replace: "logFrames: 12" },
];

/** Holds what is to be added to Valkey's clock, in seconds. */
export const VALKEY_CLOCK_KEY = "chaos:clock";

export const WRONG_CLOCKS: readonly Patch[] = [
  {
    file: "packages/session-log/src/lua/log.lua",
    find: "local time = redis.call('TIME')",
    replace: `local time = redis.call('TIME'); time[1] = time[1] + (redis.call('GET', '${VALKEY_CLOCK_KEY}') or 0)`,
  },
];

const PRELOAD = `--import=${fileURLToPath(new URL("skewed-clock.ts", import.meta.url))}`;

/** Each app's own idea of the time, and the means to change it. */
export const WRONG_CLOCK_ENV: Record<string, Record<string, string>> = {
  all: { NODE_OPTIONS: PRELOAD },
  "edge-1": { CHAOS_CLOCK_MS: "240000" },
  "edge-2": { CHAOS_CLOCK_MS: "-420000" },
  orchestrator: { CHAOS_CLOCK_MS: "-3600000" },
  "inference-1": { CHAOS_CLOCK_MS: "86400000" },
  "inference-2": { CHAOS_CLOCK_MS: "-86400000" },
};
