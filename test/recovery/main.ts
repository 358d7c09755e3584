import { Command } from "commander";
import { outageCommands } from "./outage-command.ts";
import { slowReaderCommand } from "./slow-reader-command.ts";
import { stormCommand } from "./storm-command.ts";

const program = new Command("npm run recovery --").description(
  "What a fault costs, measured: how long until frames go on, and what it takes meanwhile. Exits 0 only if every promise held.",
);
program.addCommand(stormCommand());
program.addCommand(slowReaderCommand());
for (const command of outageCommands()) program.addCommand(command);
await program.parseAsync();
// A library's timer must not keep a command alive that has done its work.
process.exit();
