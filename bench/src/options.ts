import { LIMITS } from "@holdfast/contract";
import { notNegative, positive, whole } from "@holdfast/test/kit/command-line";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Arrivals } from "./load/pacer.ts";
import { type SystemOptions, TARGETS } from "./system/system.ts";

/** Options every command has, as commander gives them. */
export interface CommonOptions extends SystemOptions {
  sessions: number;
  seconds: number;
  warmup: number;
  rounds: number;
  arrivals: Arrivals;
  seed: number;
}

export type Defaults = Pick<CommonOptions, "sessions" | "seconds" | "rounds" | "agent" | "model" | "targets"> &
  Partial<Pick<CommonOptions, "tokens" | "bareShape">>;

export function addCommonOptions(command: Command, defaults: Defaults): Command {
  const choice = (flags: string, about: string, choices: string[], preset: string | undefined = choices[0]): Option =>
    new Option(flags, about).choices(choices).default(preset);
  const bareShape = "bare Temporal's activity: eager on the workflow's queue, or on its own";
  return command
    .option("--sessions <count>", "sessions under load", whole, defaults.sessions)
    .option("--seconds <seconds>", "length of one measured window", positive, defaults.seconds)
    .option("--warmup <seconds>", "load before each window, in no figure", positive, 5)
    .option("--rounds <count>", "windows per target; targets take turns", whole, defaults.rounds)
    .option("--targets <names>", `what to measure: ${TARGETS.join(",")}`, targetNames, defaults.targets)
    .option("--edges <count>", "edges of the stack", whole, 2)
    .option("--agent <name>", "agent of Holdfast's sessions", defaults.agent)
    .addOption(choice("--model <kind>", "who answers", ["server", "embedded"], defaults.model))
    .option("--tokens <count>", "tokens of an answer (not the embedded model's)", whole, defaults.tokens ?? 20)
    .option("--token-delay <ms>", "pause between two tokens", notNegative, 10)
    .option("--per-send <count>", "events in one `send` at most", whole, LIMITS.eventsPerSend)
    .option("--sessions-per-connection <count>", "sessions sharing a socket", whole, LIMITS.sessionsPerConnection)
    .addOption(choice("--bare-shape <shape>", bareShape, ["same-queue", "own-queue"], defaults.bareShape))
    .option("--memory", "keep Temporal's and Valkey's data in memory, not in files as npm start does", false)
    .addOption(choice("--arrivals <kind>", "of an open loop", ["poisson", "even"]))
    .option("--seed <number>", "of an open loop's arrivals", whole, 1);
}

function targetNames(text: string): Defaults["targets"] {
  const wanted = text.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !TARGETS.some((target) => target === name));
  if (unknown.length > 0) throw new InvalidArgumentError(`Not among ${TARGETS.join(", ")}: ${unknown.join(", ")}.`);
  return TARGETS.filter((target) => wanted.includes(target));
}
