import { type Command, Option } from "commander";
import { does, positive, program, run, whole } from "../kit/command-line.ts";
import { printOutages } from "./outage-report.ts";
import { openOutageFixture, Outage, type OutageOptions, type OutageResult } from "./outage.ts";
import type { Absence, Manner, ServerName } from "./servers.ts";
import { slowReaderCommand } from "./slow-reader.ts";
import { stormCommand } from "./storm.ts";

const absent = (server: ServerName, manner: Manner): Absence => ({ server, manner });
/** By their names. */
type Outages = Record<string, Pick<OutageOptions, "absences" | "flood">>;

const REDIS: Outages = {
  "redis-kill": { absences: [absent("redis", "kill")] },
  "redis-empty": { absences: [absent("redis", "empty")] },
  "redis-hang": { absences: [absent("redis", "hang")] },
  "redis-replace": { absences: [absent("redis", "replace")] },
};
const TEMPORAL: Outages = {
  "temporal-kill": { absences: [absent("temporal", "kill")] },
  "temporal-hang": { absences: [absent("temporal", "hang")] },
  "temporal-flood": { absences: [absent("temporal", "kill")], flood: { reach: "node", seconds: 20 } },
};
const BOTH: Outages = {
  "both-redis-first": { absences: [absent("redis", "empty"), absent("temporal", "kill")] },
  "both-temporal-first": { absences: [absent("temporal", "hang"), absent("redis", "hang")] },
};

type Options = Pick<OutageOptions, "seconds" | "sessions"> & { only?: string };

function outageCommand(name: string, outages: Outages, description: string): Command {
  const command = program("recovery", description)
    .name(name)
    .option("--seconds <n>", "how long it is away; a turn's deadline is 120", positive, 60)
    .option("--sessions <n>", "sessions, each with two clients that talk", whole, 20)
    .addOption(new Option("--only <outage>", "one of them").choices(Object.keys(outages)));
  return does(command, async ({ only, ...options }: Options) => {
    const results: OutageResult[] = [];
    for (const [outage, what] of Object.entries(outages)) {
      if (outage !== (only ?? outage)) continue;
      // Each has a Holdfast of its own, so that memory is that of one outage.
      const fixture = await openOutageFixture();
      try {
        console.error(`  ${outage}`);
        results.push(await new Outage(fixture, { name: outage, ...what, ...options }).run());
      } finally {
        await fixture.close();
      }
    }
    printOutages(results);
    return results.every(({ violations, broken }) => violations.length + broken.length === 0) ? 0 : 1;
  });
}

const commands = [
  stormCommand,
  slowReaderCommand,
  outageCommand("redis-outage", REDIS, "Redis goes away: killed, killed and emptied, hanging, hanging and replaced."),
  outageCommand(
    "temporal-outage",
    TEMPORAL,
    "Temporal goes away: killed, hanging, killed while clients push all they can.",
  ),
  outageCommand("both-outage", BOTH, "Redis and Temporal go away, and come back one after the other."),
];
const description =
  "What a fault costs, measured: how long until frames go on, and what it takes meanwhile. Exits 0 only if every promise held.";
const recovery = program("recovery", description);
for (const command of commands) recovery.addCommand(command);
await run(recovery);
