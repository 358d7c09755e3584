import { Command } from "commander";

export function stormCommand(): Command {
  return new Command("storm").description("An edge dies, and all of its clients come back at once.");
}
