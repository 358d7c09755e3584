import { Command, InvalidArgumentError } from "commander";
import { type ArenaKind, ARENAS, type Fault, FAULT_NAMES, isFault } from "./faults.ts";
import { ALL, type Line, mixIn, runMatrix } from "./matrix.ts";
import { isClean, markdown, type Outcome, outcomeOf, vacuity } from "./outcome.ts";
import { keep, told } from "./report.ts";
import type { RunResult } from "./run.ts";

interface Options {
  seed: number;
  runs: number;
  minutes: number;
  clients: number;
  jobs: number;
  fault?: Fault[];
  all?: boolean;
  mix?: ArenaKind[];
  keep: string;
}

const program = new Command("npm run chaos --").description(
  "Clients talk while faults strike real processes; a checker that knows the truth looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
);
// As everywhere here: 2 for an option that is not right, 1 for what was found.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
program
  .option("--seed <n>", "first seed: the same seed gives the same schedule", whole, 1)
  .option("--runs <n>", "runs per line, each with the next seed", whole, 1)
  .option("--minutes <m>", "how long clients talk in one run, at least; 20 s where faults are mixed", positive, 0.1)
  .option("--clients <n>", "clients, two to a session", whole, 6)
  .option("--jobs <n>", "stacks under fire at once", whole, 1)
  .option("--fault <names...>", `only these, each alone: ${FAULT_NAMES.join(", ")}`, faultNamed)
  .option("--mix <arenas...>", `all of an arena's mixed: ${ARENAS.join(", ")}`, arenaNamed)
  .option("--all", "each fault alone, then the mixes")
  .option("--keep <file>", "where the history of a run that broke a promise is written", ".holdfast/chaos-failure.json")
  .action(async (options: Options) => {
    process.exitCode = await chaos(options);
  });
await program.parseAsync();
// A library's timer must not keep a command alive that has done its work.
process.exit();

async function chaos({ seed, runs, minutes, clients, jobs, keep: file, ...which }: Options): Promise<number> {
  const kept: Promise<void>[] = [];
  const onRun = ({ name }: Line, result: RunResult): void => {
    console.error(told(name, result));
    if (result.violations.length > 0) kept.push(keep(file, name, result));
  };
  const plan = { firstSeed: seed, seeds: runs, durationMs: minutes * 60_000, clients, jobs, onRun };
  const results = await runMatrix(linesOf(which), plan);
  await Promise.all(kept);
  const outcomes: Outcome[] = [...results].map(([{ name }, of]) => outcomeOf(name, of));
  console.log(markdown(outcomes));
  const vacuous = [...results].flatMap(([{ name }, of]) => {
    const why = vacuity(of);
    return why === undefined ? [] : [`${name} proves nothing: ${why}.`];
  });
  for (const line of vacuous) console.error(line);
  return outcomes.every(isClean) && vacuous.length === 0 ? 0 : 1;
}

function linesOf({ fault = [], all, mix = [] }: Pick<Options, "fault" | "all" | "mix">): readonly Line[] {
  if (all) return ALL;
  if (fault.length + mix.length === 0) return [mixIn("standalone")];
  return [...[...new Set(fault)].map((name) => ({ name, faults: [name] })), ...[...new Set(mix)].map(mixIn)];
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}

function faultNamed(text: string, before: Fault[] = []): Fault[] {
  if (!isFault(text)) throw new InvalidArgumentError(`Choose from ${FAULT_NAMES.join(", ")}.`);
  return [...before, text];
}

function arenaNamed(text: string, before: ArenaKind[] = []): ArenaKind[] {
  const kind = ARENAS.find((each) => each === text);
  if (kind === undefined) throw new InvalidArgumentError(`Choose from ${ARENAS.join(", ")}.`);
  return [...before, kind];
}
