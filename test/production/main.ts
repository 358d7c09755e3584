import { cp } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { StackError } from "@holdfast/stack/stack-error";
import { markdown, type Outcome, isClean, outcomeOf, vacuity } from "../chaos/outcome.ts";
import { keep, told } from "../chaos/report.ts";
import { type RunResult, runUnder } from "../chaos/run.ts";
import { attackOf, type Outage, OUTAGES } from "./outages.ts";
import { openProductionArena } from "./production-arena.ts";
import { findPrograms, type Programs } from "./programs.ts";

interface Options {
  only?: Outage[];
  runs: number;
  clients: number;
  keep: string;
}

/** A line of the table. */
interface Line extends Outcome {
  /** Also where they broke no promise. */
  "failed turns": number;
}

/** Clients wait so many times longer than in the other runs: what they say while nothing is answered has to be caught up. */
const SLOWNESS = 4;

const names = OUTAGES.map(({ name }) => name).join(", ");
const program = new Command("npm run production --")
  .description(
    "A whole Holdfast on a production Temporal and PostgreSQL, both as plain processes on this machine; one of the two is " +
      "taken away in mid-turn, and a checker that knows the truth looks at every frame. Exits 0 only if nothing was lost, " +
      "repeated, garbled, taken back or left hanging.",
  )
  .option("--only <outages...>", `only these: ${names}`, outageNamed)
  .option("--runs <n>", "runs of each, on the same servers", whole, 1)
  .option("--clients <n>", "clients, two to a session", whole, 8)
  .option("--keep <file>", "where what broke a promise is written", ".holdfast/production-failure.json")
  .action(async (options: Options) => {
    process.exitCode = await production(options);
  });

function usage(): string {
  const lines = OUTAGES.map(({ name, what }) => `  ${name.padEnd(32)}${what}`);
  return [
    "\nOutages:",
    ...lines,
    "\nPrograms: HOLDFAST_POSTGRES_BIN (a folder), HOLDFAST_TEMPORAL_SERVER and HOLDFAST_TEMPORAL_SQL_TOOL (files), else what is on PATH.",
  ].join("\n");
}

async function production({ only = [...OUTAGES], runs, clients, keep: file }: Options): Promise<number> {
  const programs = await findPrograms();
  console.error(`${programs.versions.postgres}; ${programs.versions.temporal}`);
  const lines: Line[] = [];
  const vacuous: string[] = [];
  for (const outage of only) {
    const results = await runsOf(programs, outage, { runs, clients, file });
    const failed = results.flatMap(({ history }) => [...history.transcripts.values()].flatMap(({ turns }) => turns));
    lines.push({
      ...outcomeOf(outage.name, results),
      "failed turns": failed.filter(({ outcome }) => outcome === "failed").length,
    });
    const why = vacuity(results);
    if (why !== undefined) vacuous.push(`${outage.name} proves nothing: ${why}.`);
  }
  console.log(markdown(lines));
  for (const line of vacuous) console.error(line);
  const passed = lines.every(isClean) && vacuous.length === 0;
  console.log(passed ? "\nPASSED" : "\nFAILED");
  return passed ? 0 : 1;
}

type RunsPlan = Pick<Options, "runs" | "clients"> & { file: string };

/** All in one arena, of their own: what one outage leaves behind is no other's. */
async function runsOf(programs: Programs, outage: Outage, { runs, clients, file }: RunsPlan): Promise<RunResult[]> {
  const arena = await openProductionArena(programs);
  const results: RunResult[] = [];
  try {
    for (let seed = 1; seed <= runs; seed++) {
      const before = arena.temporal.restarts;
      const plan = { name: `${outage.name}-${seed}`, seed, durationMs: 0, clients, slowness: SLOWNESS };
      const result = await runUnder(arena, plan, attackOf(arena, outage));
      results.push(result);
      console.error(told(outage.name, result));
      console.error(`  the Temporal server was started again ${arena.temporal.restarts - before} times`);
      if (result.violations.length === 0) continue;
      await keep(file, outage.name, result);
      await cp(join(arena.dir, "logs"), file.replace(/(\.json)?$/, `-${outage.name}-logs`), { recursive: true });
    }
  } finally {
    await arena.close();
  }
  return results;
}

function outageNamed(text: string, before: Outage[] = []): Outage[] {
  const outage = OUTAGES.find(({ name }) => name === text);
  if (outage === undefined) throw new InvalidArgumentError(`Choose from ${names}.`);
  return [...before, outage];
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
}

program.addHelpText("after", usage());
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(`\n${error.message}\n(${error.code})`);
  process.exitCode = 1;
}
// A library's timer must not keep a command alive that has done its work.
process.exit();
