import { cp } from "node:fs/promises";
import { StackError } from "@holdfast/stack/stack-error";
import { does, namesAmong, program, run, whole } from "../kit/command-line.ts";
import { isClean, keep, markdown, type Outcome, outcomeOf, told, vacuity } from "../kit/report.ts";
import { type RunResult, runUnder } from "../kit/run.ts";
import { attackOf, type Outage, OUTAGES } from "./outages.ts";
import { openProductionFixture } from "./production-fixture.ts";
import { findPrograms, type Programs } from "./programs.ts";

interface Options {
  only?: string[];
  runs: number;
  clients: number;
  keep: string;
}

/** Clients wait so many times longer than in the other runs: what they say while nothing is answered has to be caught up. */
const SLOWNESS = 4;

const names = OUTAGES.map(({ name }) => name);
const usage = [
  "\nOutages:",
  ...OUTAGES.map(({ name, what }) => `  ${name.padEnd(32)}${what}`),
  "\nPrograms: HOLDFAST_POSTGRES_BIN (a folder), HOLDFAST_TEMPORAL_SERVER and HOLDFAST_TEMPORAL_SQL_TOOL (files), else what is on PATH.",
];
const command = program(
  "production",
  "A whole Holdfast on a production Temporal and PostgreSQL, both as plain processes on this machine; one of the two is " +
    "taken away in mid-turn, and a checker that knows the truth looks at every frame. Exits 0 only if nothing was lost, " +
    "repeated, garbled, taken back or left hanging.",
)
  .option("--only <outages...>", `only these: ${names.join(", ")}`, namesAmong(names))
  .option("--runs <n>", "runs of each, on the same servers", whole, 1)
  .option("--clients <n>", "clients, two to a session", whole, 8)
  .option("--keep <file>", "where what broke a promise is written", ".holdfast/production-failure.json")
  .addHelpText("after", usage.join("\n"));

await run(
  does(command, async (options: Options) => {
    try {
      return await production(options);
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      console.error(`\n${error.message}\n(${error.code})`);
      return 1;
    }
  }),
);

async function production({ only = names, ...options }: Options): Promise<number> {
  const programs = await findPrograms();
  console.error(`${programs.versions.postgres}; ${programs.versions.temporal}`);
  const lines: Outcome[] = [];
  const vacuous: string[] = [];
  for (const outage of OUTAGES.filter(({ name }) => only.includes(name))) {
    const results = await runsOf(programs, outage, options);
    const turns = results.flatMap(({ history }) => [...history.transcripts.values()].flatMap((each) => each.turns));
    // Also where they broke no promise.
    const failed = turns.filter(({ outcome }) => outcome === "failed").length;
    lines.push(Object.assign(outcomeOf(outage.name, results), { "failed turns": failed }));
    const why = vacuity(results);
    if (why !== undefined) vacuous.push(`${outage.name} proves nothing: ${why}.`);
  }
  console.log(markdown(lines));
  for (const line of vacuous) console.error(line);
  const passed = lines.every(isClean) && vacuous.length === 0;
  console.log(passed ? "\nPASSED" : "\nFAILED");
  return passed ? 0 : 1;
}

/** All in one fixture, of their own: what one outage leaves behind is no other's. */
async function runsOf(programs: Programs, outage: Outage, options: Omit<Options, "only">): Promise<RunResult[]> {
  const { runs, clients, keep: file } = options;
  const { name } = outage;
  const fixture = await openProductionFixture(programs);
  const results: RunResult[] = [];
  try {
    for (let seed = 1; seed <= runs; seed++) {
      const before = fixture.temporal.status.restarts;
      const talk = { name: `${name}-${seed}`, seed, durationMs: 0, clients, slowness: SLOWNESS };
      const result = await runUnder(fixture, talk, attackOf(fixture, outage));
      results.push(result);
      console.error(told(name, result));
      console.error(`  the Temporal server was started again ${fixture.temporal.status.restarts - before} times`);
      if (result.violations.length === 0) continue;
      await keep(file, name, result);
      await cp(fixture.logs, file.replace(/(\.json)?$/, `-${name}-logs`), { recursive: true });
    }
  } finally {
    await fixture.close();
  }
  return results;
}
