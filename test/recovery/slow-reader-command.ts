import { Command } from "commander";

export function slowReaderCommand(): Command {
  return new Command("slow-reader").description(
    "Clients stop reading in the middle of a fast stream, and go on later.",
  );
}
