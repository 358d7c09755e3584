import { writeFile } from "node:fs/promises";
import { LIMITS } from "@holdfast/contract";
import { Command, InvalidArgumentError } from "commander";
import { rowsOf } from "./report.ts";
import type { Sample } from "./series.ts";
import { soak, type SoakResult } from "./soak.ts";

const MOST_SHOWN = 50;

interface Options {
  minutes: number;
  clients: number;
  sessions: number;
  seed: number;
  every: number;
  json?: string;
  dir?: string;
}

const program = new Command("npm run soak --").description(
  "Clients come and go, politely and not, hundreds of times a minute, while what every process holds is measured. " +
    "Exits 0 only if nothing grows beyond its bound after a warm-up of a third of the time, nothing is left when all have gone, and nothing was lost, repeated or garbled; 2 if all that is wrong is that some measure's growth could not be told.",
);
// As everywhere here: 2 for an option that is not right, 1 for what was found.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
program
  .option("--minutes <m>", "how long clients come and go", positive, 15)
  .option("--clients <n>", "clients there at once", count, 40)
  .option("--sessions <s>", "sessions they talk to; sessions do not end, so the set is fixed; at most 64", sessions, 8)
  .option("--seed <x>", "the same seed plans the same visits", count, 1)
  .option("--every <seconds>", "between two measurements, each of which collects all garbage first", positive, 5)
  .option("--json <file>", "where every measurement goes")
  .option("--dir <folder>", "where the processes' logs go and stay")
  .action(async (options: Options) => {
    const result = await soak({
      durationMs: options.minutes * 60_000,
      everyMs: options.every * 1_000,
      clients: options.clients,
      sessions: options.sessions,
      seed: options.seed,
      silences: true,
      dir: options.dir,
      onSample: report,
    });
    if (options.json !== undefined) await writeFile(options.json, JSON.stringify({ options, ...result }));
    process.exitCode = conclude(result);
  });
await program.parseAsync();
process.exit();

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}

function count(text: string): number {
  const value = positive(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError("It must be a whole number.");
}

/** One connection reads them all. */
function sessions(text: string): number {
  const value = count(text);
  if (value <= LIMITS.sessionsPerConnection) return value;
  throw new InvalidArgumentError(`It must be at most ${LIMITS.sessionsPerConnection}.`);
}

function report({ atMs, connections, turns }: Sample): void {
  console.error(`  ${(atMs / 1_000).toFixed(0)} s: ${connections} connections, ${turns} turns`);
}

function conclude({ judgements, violations, remains, visits, connections, acked, turns }: SoakResult): number {
  console.table(rowsOf(judgements));
  console.log(`${visits} visits, ${connections} connections, ${acked} inputs acknowledged, ${turns} turns committed.`);
  const leaks = judgements.filter(({ verdict }) => verdict === "leak");
  const unsure = judgements.filter(({ verdict }) => verdict === "unsure");
  for (const { process: name, measure } of leaks) console.log(`LEAK    ${name}: ${measure} grows beyond its bound`);
  if (unsure.length > 0)
    console.log(`UNSURE  ${unsure.length} rows may or may not be within their bounds: run for longer`);
  for (const violation of violations.slice(0, MOST_SHOWN)) console.log(`BROKEN  ${violation}`);
  if (violations.length > MOST_SHOWN) console.log(`BROKEN  … ${violations.length} in all`);
  for (const remnant of remains) console.log(`REMAINS ${remnant}`);
  if (leaks.length + violations.length + remains.length > 0) {
    console.log("This run failed.");
    return 1;
  }
  console.log(`Nothing ${unsure.length > 0 ? "is known to have " : ""}leaked, nothing remained, nothing was lost.`);
  return unsure.length > 0 ? 2 : 0;
}
