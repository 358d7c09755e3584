import { emptyHistory, type Violation } from "../kit/history.ts";
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
  onRun: (line: Line, result: RunResult) => void;
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

/** Runs every line over its seeds, those of one kind of fixture one after the other. */
export async function runMatrix(lines: readonly Line[], options: MatrixOptions): Promise<Map<Line, RunResult[]>> {
  const results = new Map<Line, RunResult[]>(lines.map((line) => [line, []]));
  const waiting = [...Map.groupBy(lines, ({ faults }) => fixtureOf(faults)).values()].flat();
  const job = async (): Promise<void> => {
    const place = new Place();
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
      for (let index = 0; index < options.seeds; index++) {
        const result = await place.run(line, { ...options, seed: options.firstSeed + index });
        results.get(line)?.push(result);
        options.onRun(line, result);
      }
    }
    await place.leave();
  };
  await Promise.all(Array.from({ length: options.jobs }, job));
  return results;
}

/**
 * Where one run after the other takes place. A fixture is used for as many as need one of its kind and is opened anew after
 * one that broke a promise, because what is wrong in it may last.
 */
class Place {
  #kind: FixtureKind | undefined;
  #fixture: ChaosFixture | undefined;

  /** What goes wrong with the fixture costs this run, not the whole table; and it is told as what it may well be, a hang. */
  async run({ name, faults }: Line, plan: Pick<RunOptions, "seed" | "durationMs" | "clients">): Promise<RunResult> {
    const { seed } = plan;
    const durationMs = faults.length > 1 ? Math.max(plan.durationMs, LEAST_TALK_IN_A_MIX) : plan.durationMs;
    const options = { ...plan, durationMs, faults, name: `${name.replaceAll(/\W+/g, "-")}-${seed}` };
    const result = await this.#enter(fixtureOf(faults))
      .then((fixture) => run(fixture, options))
      .catch((error: unknown) => failed(seed, error instanceof Error ? (error.stack ?? error.message) : String(error)));
    if (result.violations.length > 0) await this.leave();
    return result;
  }

  async leave(): Promise<void> {
    await this.#fixture?.close();
    this.#fixture = undefined;
  }

  async #enter(kind: FixtureKind): Promise<ChaosFixture> {
    if (this.#kind !== kind) await this.leave();
    this.#kind = kind;
    this.#fixture ??= await openFixture(kind);
    return this.#fixture;
  }
}

function failed(seed: number, why: string): RunResult {
  const history = { ...emptyHistory(), hangs: [why] };
  const violations: Violation[] = [{ promise: "hang", session: "", detail: why }];
  return { seed, strikes: [], history, violations, acked: 0, settledMs: 0, continued: 0 };
}
