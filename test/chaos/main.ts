import { does, namesAmong, positive, program, run, whole } from "../kit/command-line.ts";
import { isClean, keep, markdown, outcomeOf, told, vacuity } from "../kit/report.ts";
import type { RunResult } from "../kit/run.ts";
import { type Fault, FAULT_NAMES, type FixtureKind, FIXTURES } from "./faults.ts";
import { ALL, type Line, mixIn, runMatrix } from "./matrix.ts";

interface Options {
  seed: number;
  runs: number;
  minutes: number;
  clients: number;
  jobs: number;
  fault?: Fault[];
  all?: boolean;
  mix?: FixtureKind[];
  keep: string;
}

const command = program(
  "chaos",
  "Clients talk while faults strike real processes; a checker that knows the truth looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
)
  .option("--seed <n>", "first seed: the same seed gives the same schedule", whole, 1)
  .option("--runs <n>", "runs per line, each with the next seed", whole, 1)
  .option("--minutes <m>", "how long clients talk in one run, at least; 20 s where faults are mixed", positive, 0.1)
  .option("--clients <n>", "clients, two to a session", whole, 6)
  .option("--jobs <n>", "stacks under fire at once", whole, 1)
  .option("--fault <names...>", `only these, each alone: ${FAULT_NAMES.join(", ")}`, namesAmong(FAULT_NAMES))
  .option("--mix <set-ups...>", `all of a set-up's mixed: ${FIXTURES.join(", ")}`, namesAmong(FIXTURES))
  .option("--all", "each fault alone, then the mixes")
  .option(
    "--keep <file>",
    "where the history of a run that broke a promise is written",
    ".holdfast/chaos-failure.json",
  );
await run(does(command, chaos));

async function chaos({ seed, runs, minutes, clients, jobs, keep: file, ...which }: Options): Promise<number> {
  const kept: Promise<void>[] = [];
  const onRun = ({ name }: Line, result: RunResult): void => {
    console.error(told(name, result));
    if (result.violations.length > 0) kept.push(keep(file, name, result));
  };
  const matrix = { firstSeed: seed, seeds: runs, durationMs: minutes * 60_000, clients, jobs, onRun };
  const results = await runMatrix(linesOf(which), matrix);
  await Promise.all(kept);
  const outcomes = [...results].map(([{ name }, of]) => outcomeOf(name, of));
  console.log(markdown(outcomes));
  const vacuous = [...results].filter(([, of]) => vacuity(of) !== undefined);
  for (const [{ name }, of] of vacuous) console.error(`${name} proves nothing: ${vacuity(of)}.`);
  return outcomes.every(isClean) && vacuous.length === 0 ? 0 : 1;
}

function linesOf({ fault = [], all = false, mix = [] }: Pick<Options, "fault" | "all" | "mix">): readonly Line[] {
  if (all) return ALL;
  const lines = [...fault.map((name) => ({ name, faults: [name] })), ...mix.map(mixIn)];
  return lines.length > 0 ? lines : [mixIn("standalone")];
}
