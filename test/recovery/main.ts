import { type Command, Option } from "commander";
import { does, positive, program, run, whole } from "../kit/command-line.ts";
import { isClean, printOutages } from "./outage-report.ts";
import type { Absence, Manner, ServerName } from "./outage-servers.ts";
import { openOutageFixture, type OutageOptions, type OutageResult, runOutage } from "./outage.ts";
import { slowReaderCommand } from "./slow-reader.ts";
import { stormCommand } from "./storm.ts";

/** An outage without the figures everyone chooses for oneself. */
type Case = Pick<OutageOptions, "name" | "absences" | "flood">;

const absent = (server: ServerName, manner: Manner): Absence => ({ server, manner });
const single = (server: ServerName, manner: Manner): Case => {
  return { name: `${server}-${manner}`, absences: [absent(server, manner)] };
};

const REDIS = (["kill", "empty", "hang", "replace"] as const).map((manner) => single("redis", manner));
const TEMPORAL: Case[] = [
  single("temporal", "kill"),
  single("temporal", "hang"),
  { ...single("temporal", "kill"), name: "temporal-flood", flood: { reach: "node", seconds: 20 } },
];
const BOTH: Case[] = [
  { name: "both-redis-first", absences: [absent("redis", "empty"), absent("temporal", "kill")] },
  { name: "both-temporal-first", absences: [absent("temporal", "hang"), absent("redis", "hang")] },
];

interface Options {
  seconds: number;
  sessions: number;
  only?: string;
}

function outageCommand(name: string, description: string, cases: readonly Case[]): Command {
  const command = program("recovery", description)
    .name(name)
    .option("--seconds <n>", "how long it is away; a turn's deadline is 120", positive, 60)
    .option("--sessions <n>", "sessions, each with two clients that talk", whole, 20)
    .addOption(new Option("--only <outage>", "one of them").choices(cases.map((each) => each.name)));
  return does(command, async ({ only, ...options }: Options) => {
    const results: OutageResult[] = [];
    // Each has a Holdfast of its own, so that memory is that of one outage.
    for (const each of cases.filter((one) => one.name === (only ?? one.name))) {
      const fixture = await openOutageFixture();
      try {
        const onProgress = (line: string): void => console.error(`  ${each.name}: ${line}`);
        results.push(await runOutage(fixture, { ...each, ...options, onProgress }));
      } finally {
        await fixture.close();
      }
    }
    printOutages(results);
    return results.every(isClean) ? 0 : 1;
  });
}

await run(
  program(
    "recovery",
    "What a fault costs, measured: how long until frames go on, and what it takes meanwhile. Exits 0 only if every promise held.",
  )
    .addCommand(stormCommand)
    .addCommand(slowReaderCommand)
    .addCommand(
      outageCommand(
        "redis-outage",
        "Redis goes away: killed, killed and emptied, hanging, hanging and replaced.",
        REDIS,
      ),
    )
    .addCommand(
      outageCommand(
        "temporal-outage",
        "Temporal goes away: killed, hanging, killed while clients push all they can.",
        TEMPORAL,
      ),
    )
    .addCommand(outageCommand("both-outage", "Redis and Temporal go away, and come back one after the other.", BOTH)),
);
