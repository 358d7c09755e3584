import { type Arena, openArena } from "./arena.ts";
import { arenaOf, type ArenaKind, ARENAS, type Fault, FAULT_NAMES, FAULTS } from "./faults.ts";
import { emptyHistory } from "./history.ts";
import { run, type RunPlan, type RunResult } from "./run.ts";

/** Milliseconds for which the clients of a line of several faults talk at least: long enough for several strikes in a run. */
const LEAST_TALK_IN_A_MIX = 20_000;

/** A line of the table: some faults, each alone or mixed, over many seeds. */
export interface Line {
  name: string;
  faults: readonly Fault[];
}

export interface MatrixPlan extends Pick<RunPlan, "durationMs" | "clients"> {
  firstSeed: number;
  seeds: number;
  /** How many arenas are under fire at once. */
  jobs: number;
  onRun?: (line: Line, result: RunResult) => void;
}

const isOfValkey = (fault: Fault): boolean => fault.startsWith("valkey-") || fault === "writes-refused";
const inArena = (kind: ArenaKind): Fault[] => FAULT_NAMES.filter((fault) => FAULTS[fault] === kind);

/** Everything at once in one arena: what the stack as it ships suffers, and what only this arena does. */
export function mixIn(kind: ArenaKind): Line {
  if (kind === "standalone") return { name: "mixed", faults: inArena(kind) };
  const ownRedis = kind === "sentinel" || kind === "cluster" || kind === "switched";
  const shared = inArena("standalone").filter((fault) => !(ownRedis && isOfValkey(fault)));
  return { name: `mixed, ${kind}`, faults: [...inArena(kind), ...shared] };
}

/** Each fault alone, then the mixes. */
export const ALL: readonly Line[] = [
  ...FAULT_NAMES.map((fault) => ({ name: fault, faults: [fault] })),
  ...ARENAS.map(mixIn),
];

/**
 * Runs every line over its seeds. An arena is used for as many runs as need one of its kind and is opened anew after one
 * that broke a promise, because what is wrong in it may last.
 */
export async function runMatrix(lines: readonly Line[], plan: MatrixPlan): Promise<Map<Line, RunResult[]>> {
  const results = new Map<Line, RunResult[]>(lines.map((line) => [line, []]));
  const kinds = [...new Set(lines.map(({ faults }) => arenaOf(faults)))];
  const waiting = kinds.flatMap((kind) => lines.filter(({ faults }) => arenaOf(faults) === kind));
  const workers = Array.from({ length: plan.jobs }, async () => {
    const place = new Place();
    try {
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        for (let index = 0; index < plan.seeds; index++) {
          const result = await runIn(place, line, { ...plan, seed: plan.firstSeed + index });
          results.get(line)?.push(result);
          plan.onRun?.(line, result);
          if (result.violations.length > 0) await place.leave();
        }
      }
    } finally {
      await place.leave();
    }
  });
  await Promise.all(workers);
  return results;
}

type RunOfLine = Pick<RunPlan, "seed" | "durationMs" | "clients">;

/** What goes wrong with the arena costs this run, not the whole table; and it is told as what it may well be, a hang. */
async function runIn(place: Place, line: Line, plan: RunOfLine): Promise<RunResult> {
  const { name, faults } = line;
  const { seed } = plan;
  const durationMs = faults.length > 1 ? Math.max(plan.durationMs, LEAST_TALK_IN_A_MIX) : plan.durationMs;
  try {
    const arena = await place.of(arenaOf(faults));
    return await run(arena, { ...plan, durationMs, faults, name: `${name.replaceAll(/\W+/g, "-")}-${seed}` });
  } catch (error) {
    return failed(seed, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function failed(seed: number, why: string): RunResult {
  return {
    seed,
    strikes: [],
    history: { ...emptyHistory(), hangs: [why] },
    violations: [{ promise: "hang", session: "", detail: why }],
    acked: 0,
    longestSilenceMs: 0,
    recoveriesMs: [],
    settledMs: 0,
    continued: 0,
  };
}

/** The arena a worker is in. */
class Place {
  #kind: ArenaKind | undefined;
  #arena: Arena | undefined;

  async of(kind: ArenaKind): Promise<Arena> {
    if (this.#kind !== kind) await this.leave();
    this.#kind = kind;
    this.#arena ??= await openArena(kind);
    return this.#arena;
  }

  async leave(): Promise<void> {
    await this.#arena?.close();
    this.#arena = undefined;
  }
}
