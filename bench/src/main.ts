import { ROOT } from "@holdfast/stack/paths";
import { does, notNegative, positive, program, run, whole } from "@holdfast/test/kit/command-line";
import { InvalidArgumentError } from "commander";
import { check, type CheckOptions } from "./commands/check.ts";
import { history, type HistoryOptions } from "./commands/history.ts";
import { memory, type MemoryOptions } from "./commands/memory.ts";
import { readers, type ReadersOptions } from "./commands/readers.ts";
import { mix, type MixOptions } from "./commands/mix.ts";
import { idle, type IdleOptions, observe, type ObserveOptions, turns, type TurnsOptions } from "./commands/run.ts";
import { addCommonOptions, type Defaults } from "./options.ts";
import { TARGETS } from "./system/system.ts";

const withoutStreams = TARGETS.filter((target) => target !== "workflowStreams");
const bench = program(
  "bench",
  "Starts a whole Holdfast, a floor (Socket.IO and Redis only), bare Temporal and its workflow streams, and loads them in turns.",
).addHelpText(
  "after",
  "\nJSON goes to stdout, a table to stderr. Exit code 1: something was lost, duplicated or garbled; 2: an option is not right.",
);

const load: Defaults = {
  sessions: 40,
  seconds: 20,
  rounds: 3,
  agent: "echo",
  model: "server",
  targets: withoutStreams,
};
const mixed: Defaults = { ...load, sessions: 200, seconds: 300, rounds: 1, agent: "concierge" };
const checked: Defaults = {
  ...load,
  seconds: 12,
  rounds: 2,
  tokens: 1,
  bareShape: "own-queue",
  targets: ["holdfast", "bareTemporal"],
};
const single: Defaults = { ...load, sessions: 1, rounds: 5, agent: "concierge", model: "embedded" };

does<TurnsOptions>(
  addCommonOptions(bench.command("turns"), { ...load, targets: [...TARGETS] })
    .description("Inputs only: a closed loop, or with --rate an open one.")
    .option("--in-flight <count>", "inputs under way per session (closed loop)", whole, 1)
    .option("--rate <turns>", "turns per second over all sessions (open loop)", positive),
  turns,
);

does<ObserveOptions>(
  addCommonOptions(bench.command("observe"), { ...load, sessions: 200, agent: "concierge" })
    .description("Small events in bursts: what natural batching is worth.")
    .option("--in-flight <count>", "events under way per session", whole, 25),
  observe,
);

does<MixOptions>(
  addCommonOptions(bench.command("mix"), mixed)
    .description("1 input to 9 observes in bursts, open loop; with --search also the highest rates that hold.")
    .option("--rate <events>", "events per second over all sessions; 116 is 10 million a day", positive, 116)
    .option("--observes <count>", "observes beside each input", whole, 9)
    .option("--search", "find the highest rates, for the mix and for inputs alone", false)
    .option("--search-seconds <seconds>", "length of one probe", positive, 20)
    .option("--search-p99 <ms>", "a rate holds while durable and final stay within it at p99", positive, 2_000),
  mix,
);

does<IdleOptions>(
  addCommonOptions(bench.command("idle"), single)
    .description("One session, one turn at a time, with pauses: what a person waits.")
    .option("--pause <ms>", "between two turns", notNegative, 250),
  idle,
);

does<CheckOptions>(
  addCommonOptions(bench.command("check"), checked)
    .description(
      "What a turn costs and what a person waits, over bare Temporal: exit code 1 where worse than recorded.",
    )
    .option("--margin <part>", "how much worse a ratio may be, as a part of the recorded one", notNegative, 0.25)
    .option("--record", "write what is found to bench/recorded.json", false),
  check,
);

does<HistoryOptions>(
  addCommonOptions(bench.command("history"), { ...load, sessions: 1, targets: ["holdfast", "bareTemporal"] })
    .description("What one turn adds to the workflow's history, early and late in a conversation.")
    .option("--at <turns>", "turn numbers to look at", turnNumbers, [10, 300]),
  history,
);

does<MemoryOptions>(
  bench
    .command("memory")
    .description("What sessions take in Valkey: right after an answer, and when they have been silent for a while.")
    .option("--sessions <count>", "sessions written, one after the other", whole, 10)
    .option("--turns <count>", "turns of each", whole, 200)
    .option("--length <characters>", "of an answer", whole, 1_500)
    .option("--piece <characters>", "of one frame of it", whole, 20)
    .option("--users <count>", "for how many it is reckoned up", whole, 1_500),
  memory,
);

does<ReadersOptions>(
  bench
    .command("readers")
    .description("What a frame costs an edge: CPU of its process for each one delivered, by readers of a session.")
    .option("--checkouts <folders>", "whose edges are measured, in turns", (text) => text.split(","), [ROOT])
    .option("--readers <counts>", "readers of each session", counts, [1, 10, 100])
    .option("--sessions <count>", "sessions that are written and read", whole, 4)
    .option("--rate <deltas>", "per second and session", positive, 25)
    .option("--seconds <seconds>", "length of one measured window", positive, 15)
    .option("--warmup <seconds>", "before each window, in no figure", positive, 5)
    .option("--rounds <count>", "windows for each edge and count of readers", whole, 3),
  readers,
);

await run(bench);

function counts(text: string): number[] {
  return text.split(",").map(whole);
}

function turnNumbers(text: string): number[] {
  const numbers = text.split(",").map(Number);
  if (numbers.every((number, index) => Number.isInteger(number) && number > (numbers[index - 1] ?? 5))) return numbers;
  throw new InvalidArgumentError("They must be ascending whole numbers above 5.");
}
