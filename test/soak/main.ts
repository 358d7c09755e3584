import { writeFile } from "node:fs/promises";
import { LIMITS } from "@holdfast/contract";
import { does, positive, program, run, whole, wholeUpTo } from "../kit/command-line.ts";
import { rowOf, type Sample } from "./growth.ts";
import { soak, type SoakOptions, type SoakResult } from "./soak.ts";
import { startSoakFixture } from "./soak-fixture.ts";

const MOST_SHOWN = 50;

interface Options extends Pick<SoakOptions, "clients" | "sessions" | "seed"> {
  minutes: number;
  every: number;
  json?: string;
  dir?: string;
}

/** One connection reads all sessions. */
const sessions = wholeUpTo(LIMITS.sessionsPerConnection);
const command = program(
  "soak",
  "Clients come and go, politely and not, hundreds of times a minute, while what every process holds is measured. " +
    "Exits 0 only if nothing grows beyond its bound after a warm-up of a third of the time, nothing is left when all have gone, and nothing was lost, repeated or garbled; 2 if all that is wrong is that some measure's growth could not be told.",
)
  .option("--minutes <m>", "how long clients come and go", positive, 15)
  .option("--clients <n>", "clients there at once", whole, 40)
  .option("--sessions <s>", "sessions they talk to; sessions do not end, so the set is fixed; at most 64", sessions, 8)
  .option("--seed <x>", "the same seed plans the same visits", whole, 1)
  .option("--every <seconds>", "between two measurements, each of which collects all garbage first", positive, 5)
  .option("--json <file>", "where every measurement goes")
  .option("--dir <folder>", "where the processes' logs go and stay");

await run(
  does(command, async (options: Options) => {
    const { minutes, every, dir, json, ...who } = options;
    const plan = { ...who, durationMs: minutes * 60_000, everyMs: every * 1_000, silences: true, onSample: tell };
    const fixture = await startSoakFixture(dir === undefined ? {} : { dir, persist: false });
    try {
      const result = await soak(plan, fixture);
      if (json !== undefined) await writeFile(json, JSON.stringify({ options, ...result }));
      return conclude(result);
    } finally {
      await fixture.close();
    }
  }),
);

function tell({ atMs, connections, turns }: Sample): void {
  console.error(`  ${(atMs / 1_000).toFixed(0)} s: ${connections} connections, ${turns} turns`);
}

function conclude({ judgements, violations, remains, visits, connections, acked, turns }: SoakResult): number {
  console.table(judgements.map(rowOf));
  console.log(`${visits} visits, ${connections} connections, ${acked} inputs acknowledged, ${turns} turns committed.`);
  const leaks = judgements.filter(({ verdict }) => verdict === "leak");
  const unsure = judgements.filter(({ verdict }) => verdict === "unsure").length;
  const more = violations.length > MOST_SHOWN ? [`… ${violations.length} in all`] : [];
  for (const { process: name, measure } of leaks) console.log(`LEAK    ${name}: ${measure} grows beyond its bound`);
  if (unsure > 0) console.log(`UNSURE  ${unsure} rows may or may not be within their bounds: run for longer`);
  for (const violation of [...violations.slice(0, MOST_SHOWN), ...more]) console.log(`BROKEN  ${violation}`);
  for (const remnant of remains) console.log(`REMAINS ${remnant}`);
  if (leaks.length + violations.length + remains.length > 0) {
    console.log("This run failed.");
    return 1;
  }
  console.log(`Nothing ${unsure > 0 ? "is known to have " : ""}leaked, nothing remained, nothing was lost.`);
  return unsure > 0 ? 2 : 0;
}
