import { answerTokens, parseScript } from "@holdfast/model-server";
import { Command } from "commander";
import { startScene } from "../conformance/stack.ts";
import { slowReader, type SlowReaderPlan } from "./slow-reader.ts";
import { brokenPromises, printSlowReader } from "./slow-reader-report.ts";

interface Options {
  readers: string;
  companions: string;
  others: string;
  seconds: string;
  script: string;
  trim?: boolean;
  heartbeat?: boolean;
}

/** Longer than anybody sleeps here. */
const NO_HEARTBEAT_MS = "3600000";

export function slowReaderCommand(): Command {
  return new Command("slow-reader")
    .description("Clients stop reading in the middle of a fast stream, and go on later.")
    .option("--readers <n>", "how many of them, all of one session", "1")
    .option("--companions <n>", "readers of that session who go on", "3")
    .option("--others <n>", "sessions beside it, with a reader each", "3")
    .option("--seconds <s>", "for how long they read nothing, at least", "60")
    .option("--script <directives>", "the model's script for each answer", "tokens=60,token-length=4000,slow=10ms")
    .option("--trim", "the log is cut meanwhile: only a snapshot brings them up to date")
    .option(
      "--heartbeat",
      "clients are pinged as by default: the edge gives up who sleeps, and it has to connect again",
    )
    .action(async (options: Options) => {
      process.exitCode = await run(options);
    });
}

async function run(options: Options): Promise<number> {
  const plan: SlowReaderPlan = {
    edge: 0,
    sleepers: Number(options.readers),
    companions: Number(options.companions),
    others: Number(options.others),
    script: options.script,
    otherScript: "tokens=40,slow=25ms",
    seconds: Number(options.seconds),
    trim: options.trim ?? false,
    untilGivenUp: options.heartbeat ?? false,
  };
  const textLength = answerTokens("", parseScript(plan.script)).join("").length;
  const edge: Record<string, string> = plan.untilGivenUp ? {} : { HOLDFAST_PING_INTERVAL_MS: NO_HEARTBEAT_MS };
  const scene = await startScene({ edges: 1, env: { edge } });
  try {
    const result = await slowReader(scene, plan, (phase) => console.error(`  ${phase}`));
    printSlowReader(plan, textLength, result);
    const broken = brokenPromises(plan, textLength, result);
    for (const sentence of broken) console.error(`BROKEN ${sentence}`);
    return broken.length === 0 ? 0 : 1;
  } finally {
    await scene.stop();
  }
}
