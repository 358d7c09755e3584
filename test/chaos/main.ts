import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { run, type RunResult } from "./run.ts";
import { FAULTS, type Fault } from "./schedule.ts";

interface Options {
  seed: string;
  runs: string;
  minutes: string;
  clients: string;
  fault?: string;
  all?: boolean;
  keep: string;
}

interface Row {
  fault: string;
  runs: number;
  acked: number;
  lost: number;
  duplicated: number;
  garbled: number;
  gaps: number;
  hangs: number;
  "longest silence": string;
  "slowest rest": string;
}

const program = new Command("npm run chaos --").description(
  "Clients talk while faults strike real processes; a checker that knows the truth looks at every frame. Exits 0 only if nothing was lost, repeated, garbled or left hanging.",
);
program
  .option("--seed <n>", "first seed: the same seed gives the same schedule", "1")
  .option("--runs <n>", "runs per row, each with the next seed", "1")
  .option("--minutes <m>", "how long clients talk in one run", "0.4")
  .option("--clients <n>", "clients, two to a session", "6")
  .option("--fault <name>", `only this fault: ${FAULTS.join(", ")}`)
  .option("--all", "each fault alone, then all of them mixed")
  .option("--keep <file>", "where the history of a run that broke a promise is written", ".holdfast/chaos-failure.json")
  .action(async (options: Options) => {
    process.exitCode = await chaos(options);
  });
await program.parseAsync();
process.exit();

async function chaos(options: Options): Promise<number> {
  const groups: [string, readonly Fault[]][] = options.all
    ? [...FAULTS.map((fault): [string, Fault[]] => [fault, [fault]]), ["mixed", FAULTS]]
    : [options.fault === undefined ? ["mixed", FAULTS] : [options.fault, [faultNamed(options.fault)]]];
  const rows: Row[] = [];
  for (const [name, faults] of groups) {
    const results: RunResult[] = [];
    for (let index = 0; index < Number(options.runs); index++) {
      const seed = Number(options.seed) + index;
      const result = await run({
        seed,
        durationMs: Number(options.minutes) * 60_000,
        clients: Number(options.clients),
        faults,
        onStrike: ({ atMs, fault }) => console.error(`  seed ${seed}: ${fault} at ${atMs} ms`),
      });
      results.push(result);
      for (const violation of result.violations) console.error(`  BROKEN ${JSON.stringify(violation)}`);
      if (result.violations.length > 0) await keep(options.keep, seed, result);
    }
    rows.push(rowOf(name, results));
    console.table([rows.at(-1)]);
  }
  if (rows.length > 1) console.table(rows);
  return rows.every(({ lost, duplicated, garbled, gaps, hangs }) => lost + duplicated + garbled + gaps + hangs === 0)
    ? 0
    : 1;
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((each) => each === name);
  if (fault === undefined) throw new Error(`There is no fault "${name}": choose one of ${FAULTS.join(", ")}.`);
  return fault;
}

function rowOf(fault: string, results: RunResult[]): Row {
  const promises = results.flatMap(({ violations }) => violations.map(({ promise }) => promise));
  const count = (...names: string[]): number => promises.filter((promise) => names.includes(promise)).length;
  const seconds = (values: number[]): string => `${(Math.max(...values) / 1000).toFixed(1)} s`;
  return {
    fault,
    runs: results.length,
    acked: results.reduce((sum, { acked }) => sum + acked, 0),
    lost: count("lost"),
    duplicated: count("duplicated", "reordered", "invented"),
    garbled: count("garbled"),
    gaps: count("gap", "diverged"),
    hangs: count("hang"),
    "longest silence": seconds(results.map(({ longestSilenceMs }) => longestSilenceMs)),
    "slowest rest": seconds(results.map(({ settledMs }) => settledMs)),
  };
}

async function keep(file: string, seed: number, { schedule, history, violations }: RunResult): Promise<void> {
  const transcripts = Object.fromEntries(history.transcripts);
  await writeFile(file, JSON.stringify({ seed, violations, schedule, ...history, transcripts }, null, 1));
  console.error(`  the history is kept in ${file}`);
}
