import { Command } from "commander";
import { startScene } from "../conformance/stack.ts";
import { Storm } from "./storm.ts";
import { printStorm, stormFigures } from "./storm-report.ts";

interface Options {
  clients: string;
  edges: string;
  processes: string;
  streams: string;
  streamScript: string;
  spread?: boolean;
  oneSubject?: boolean;
  cold?: boolean;
  calls: string;
}

export function stormCommand(): Command {
  return new Command("storm")
    .description("An edge is killed, and all of its clients come back at once.")
    .option("--clients <n>", "clients, each with a session of its own", "2000")
    .option("--edges <n>", "edges, the one that dies included", "2")
    .option("--processes <n>", "processes that hold the clients", "2")
    .option("--streams <n>", "clients that have an answer streaming when it happens", "20")
    .option("--stream-script <directives>", "the model's script for those answers", "tokens=150,slow=100ms")
    .option("--spread", "clients on all edges; else all are on the one that dies")
    .option("--one-subject", "all clients with tokens of one subject")
    .option("--cold", "Redis is emptied in the same moment")
    .option("--calls <n>", "clients that say something when all is over, and must be answered", "200")
    .action(async (options: Options) => {
      process.exitCode = await run(options);
    });
}

async function run(options: Options): Promise<number> {
  const scene = await startScene({ edges: Number(options.edges) });
  try {
    const storm = await Storm.gather(
      scene,
      {
        clients: Number(options.clients),
        processes: Number(options.processes),
        streams: Number(options.streams),
        streamScript: options.streamScript,
        spread: options.spread ?? false,
        oneSubject: options.oneSubject ?? false,
      },
      (phase) => console.error(`  ${phase}`),
    );
    const result = await storm.strike({ edge: 0, cold: options.cold ?? false, calls: Number(options.calls) });
    await storm.stop();
    printStorm(result);
    const { struck, back, breaks, wrong, hangs, snapshots, queries } = stormFigures(result);
    const isWhole = struck > 0 && back === struck && breaks === 0 && wrong.length + hangs.length === 0;
    return isWhole && (options.cold === true || snapshots + queries === 0) ? 0 : 1;
  } finally {
    await scene.stop();
  }
}
