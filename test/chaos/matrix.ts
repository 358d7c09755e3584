import { emptyHistory } from "../kit/history.ts";
import type { RunOptions, RunResult } from "../kit/run.ts";
import { type Fault, FAULT_NAMES, FAULTS, type FixtureKind, fixtureOf, FIXTURES } from "./faults.ts";
import { type ChaosFixture, openFixture } from "./fixtures.ts";
import { run } from "./strikes.ts";

/** Milliseconds for which the clients of a line of several faults talk at least: long enough for several strikes in a run. */
const LEAST_TALK_IN_A_MIX = 20_000;

/** A line of the table: some faults, each alone or mixed, over many seeds. */
export interface Line {
  name: string;
  faults: readonly Fault[];
}

export interface MatrixOptions extends Pick<RunOptions, "durationMs" | "clients"> {
  firstSeed: number;
  seeds: number;
  /** How many stacks are under fire at once. */
  jobs: number;
  onRun?: (line: Line, result: RunResult) => void;
}

const isOfValkey = (fault: Fault): boolean => fault.startsWith("valkey-") || fault === "writes-refused";
const inFixture = (kind: FixtureKind): Fault[] => FAULT_NAMES.filter((fault) => FAULTS[fault] === kind);

/** Everything at once in one fixture: what the stack as it ships suffers, and what only this one does. */
export function mixIn(kind: FixtureKind): Line {
  if (kind === "standalone") return { name: "mixed", faults: inFixture(kind) };
  const ownRedis = kind === "sentinel" || kind === "cluster" || kind === "switched";
  const shared = inFixture("standalone").filter((fault) => !(ownRedis && isOfValkey(fault)));
  return { name: `mixed, ${kind}`, faults: [...inFixture(kind), ...shared] };
}

/** Each fault alone, then the mixes. */
export const ALL: readonly Line[] = [
  ...FAULT_NAMES.map((fault) => ({ name: fault, faults: [fault] })),
  ...FIXTURES.map(mixIn),
];

/**
 * Runs every line over its seeds. A fixture is used for as many runs as need one of its kind and is opened anew after one
 * that broke a promise, because what is wrong in it may last.
 */
export async function runMatrix(lines: readonly Line[], options: MatrixOptions): Promise<Map<Line, RunResult[]>> {
  const results = new Map<Line, RunResult[]>(lines.map((line) => [line, []]));
  const kinds = [...new Set(lines.map(({ faults }) => fixtureOf(faults)))];
  const waiting = kinds.flatMap((kind) => lines.filter(({ faults }) => fixtureOf(faults) === kind));
  const workers = Array.from({ length: options.jobs }, async () => {
    const place = new Place();
    try {
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        for (let index = 0; index < options.seeds; index++) {
          const result = await runIn(place, line, { ...options, seed: options.firstSeed + index });
          results.get(line)?.push(result);
          options.onRun?.(line, result);
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

type RunOfLine = Pick<RunOptions, "seed" | "durationMs" | "clients">;

/** What goes wrong with the fixture costs this run, not the whole table; and it is told as what it may well be, a hang. */
async function runIn(place: Place, line: Line, plan: RunOfLine): Promise<RunResult> {
  const { name, faults } = line;
  const { seed } = plan;
  const durationMs = faults.length > 1 ? Math.max(plan.durationMs, LEAST_TALK_IN_A_MIX) : plan.durationMs;
  try {
    const fixture = await place.of(fixtureOf(faults));
    return await run(fixture, { ...plan, durationMs, faults, name: `${name.replaceAll(/\W+/g, "-")}-${seed}` });
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
    settledMs: 0,
    continued: 0,
  };
}

/** The fixture a worker uses. */
class Place {
  #kind: FixtureKind | undefined;
  #fixture: ChaosFixture | undefined;

  async of(kind: FixtureKind): Promise<ChaosFixture> {
    if (this.#kind !== kind) await this.leave();
    this.#kind = kind;
    this.#fixture ??= await openFixture(kind);
    return this.#fixture;
  }

  async leave(): Promise<void> {
    await this.#fixture?.close();
    this.#fixture = undefined;
  }
}
