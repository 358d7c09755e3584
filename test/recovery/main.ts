import { Command } from "commander";
import { outageCommands } from "./outage-command.ts";
import { slowReaderCommand } from "./slow-reader-command.ts";
import { stormCommand } from "./storm-command.ts";

const program = new Command("npm run recovery --").description(
  "What a fault costs, measured: how long until frames go on, and what it takes meanwhile. Exits 0 only if every promise held.",
);
// As everywhere here: 2 for an option that is not right, 1 for what was found.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
program.addCommand(stormCommand());
program.addCommand(slowReaderCommand());
for (const command of outageCommands()) program.addCommand(command);
await program.parseAsync();
// A library's timer must not keep a command alive that has done its work.
process.exit();
