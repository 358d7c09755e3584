import type { ProcessExit } from "./arena.ts";

const SERVERS: readonly string[] = ["temporal", "valkey"];

/**
 * Apps that ended without a strike, in words. One that is killed ends by SIGKILL and one that is drained in peace. SIGUSR2
 * moves a clock, or ends a process that has only just begun.
 */
export function crashesIn(exits: readonly ProcessExit[], since: number): string[] {
  return exits
    .filter(({ name, at }) => at >= since && !SERVERS.includes(name))
    .filter(({ code, signal }) => code !== 0 && signal !== "SIGKILL" && signal !== "SIGUSR2")
    .map(({ name, code, signal, said }) => {
      const why = said === undefined ? "" : `: ${said}`;
      return `${name} ended by itself: ${signal ?? `exit code ${code}`}${why}`;
    });
}
