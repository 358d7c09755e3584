import { Command, Option } from "commander";
import { openOutageArena } from "./outage-arena.ts";
import { isClean, printOutages } from "./outage-report.ts";
import type { OutageResult } from "./outage-result.ts";
import { type OutagePlan, runOutage } from "./outage-run.ts";

interface Options {
  seconds: string;
  sessions: string;
  only?: string;
}

/** An outage without the figures everyone chooses for oneself. */
type Case = Pick<OutagePlan, "name" | "absences" | "flood">;

const REDIS: Case[] = [
  { name: "redis-kill", absences: [{ server: "redis", manner: "kill" }] },
  { name: "redis-empty", absences: [{ server: "redis", manner: "empty" }] },
  { name: "redis-hang", absences: [{ server: "redis", manner: "hang" }] },
  { name: "redis-replace", absences: [{ server: "redis", manner: "replace" }] },
];

const TEMPORAL: Case[] = [
  { name: "temporal-kill", absences: [{ server: "temporal", manner: "kill" }] },
  { name: "temporal-hang", absences: [{ server: "temporal", manner: "hang" }] },
  {
    name: "temporal-flood",
    absences: [{ server: "temporal", manner: "kill" }],
    flood: { reach: "node", seconds: 20 },
  },
];

const BOTH: Case[] = [
  {
    name: "both-redis-first",
    absences: [
      { server: "redis", manner: "empty" },
      { server: "temporal", manner: "kill" },
    ],
  },
  {
    name: "both-temporal-first",
    absences: [
      { server: "temporal", manner: "hang" },
      { server: "redis", manner: "hang" },
    ],
  },
];

export function outageCommands(): Command[] {
  return [
    outageCommand("redis-outage", "Redis goes away: killed, killed and emptied, hanging, hanging and replaced.", REDIS),
    outageCommand(
      "temporal-outage",
      "Temporal goes away: killed, hanging, killed while clients push all they can.",
      TEMPORAL,
    ),
    outageCommand("both-outage", "Redis and Temporal go away, and come back one after the other.", BOTH),
  ];
}

function outageCommand(name: string, description: string, cases: readonly Case[]): Command {
  const names = cases.map((each) => each.name);
  return new Command(name)
    .description(description)
    .option("--seconds <n>", "how long it is away; a turn's deadline is 120", "60")
    .option("--sessions <n>", "sessions, each with two clients that talk", "20")
    .addOption(new Option("--only <outage>", "one of them").choices(names))
    .action(async (options: Options) => {
      process.exitCode = await run(
        cases.filter((each) => each.name === (options.only ?? each.name)),
        options,
      );
    });
}

/** Each has a Holdfast of its own, so that memory is that of one outage. */
async function run(cases: readonly Case[], options: Options): Promise<number> {
  const results: OutageResult[] = [];
  for (const each of cases) {
    const arena = await openOutageArena();
    try {
      const onProgress = (line: string): void => console.error(`  ${each.name}: ${line}`);
      const plan = { ...each, seconds: Number(options.seconds), sessions: Number(options.sessions), onProgress };
      results.push(await runOutage(arena, plan));
    } finally {
      await arena.close();
    }
  }
  printOutages(results);
  return results.every(isClean) ? 0 : 1;
}
