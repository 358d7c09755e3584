import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { NAME_PATTERN } from "@holdfast/contract";

/** Exit code of a process that cannot run because the agents' code is wrong: only another state of the sources can help. */
export const EXIT_AGENT_CODE = 3;

/** The agents' code cannot be run. `message` is one line for its author: where, and what. */
export class AgentCodeError extends Error {
  override name = "AgentCodeError";
}

const AT = String.raw`(?:file://)?(?<path>/[^\n:]+):(?<line>\d+)`;
/** Node puts the place of a syntax error first; of an error that was thrown, into its stack. */
const PLACES = [new RegExp(`^${AT}`), new RegExp(String.raw`^\s+at (?:.*\()?${AT}`, "m")];

/** One line of what went wrong while the sources at `root` were loaded or bundled. */
export function agentCodeError(error: unknown, root: string): AgentCodeError {
  if (error instanceof AgentCodeError) return error;
  if (!(error instanceof Error)) return new AgentCodeError(String(error));
  const what = shortened(error.message, root);
  const place = PLACES.map((pattern) => pattern.exec(error.stack ?? "")?.groups).find(
    (found) => found?.["path"] !== undefined && isOurs(found["path"], root),
  );
  if (place === undefined) return new AgentCodeError(what);
  return new AgentCodeError(`${relative(root, decoded(place["path"] ?? ""))}:${place["line"]}: ${what}`);
}

/** A sentence about agents that are offered to clients and are not there; undefined when all are. */
export function lackingAgents(offered: readonly string[], names: readonly string[]): string | undefined {
  const lacking = offered.filter((name) => !names.includes(name));
  if (lacking.length === 0) return undefined;
  const quoted = lacking.map((name) => `"${name}"`).join(", ");
  return (
    `HOLDFAST_AGENTS names ${quoted}, but the agents in workflows/src/agents/registry.ts are ${names.join(", ")}: ` +
    "correct the name, or add the agent to that list."
  );
}

/** Throws for names that clients could not ask for, or not tell apart. */
export function checkNames(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new AgentCodeError(
      `Two agents of workflows/src/agents/registry.ts are called "${twice}": give one another name.`,
    );
  }
  const odd = names.find((name) => !NAME_PATTERN.test(name));
  if (odd !== undefined) {
    throw new AgentCodeError(`An agent is called ${JSON.stringify(odd)}: use letters, digits, \`_\` or \`-\`.`);
  }
  if (names.length === 0)
    throw new AgentCodeError("The list in workflows/src/agents/registry.ts is empty: put an agent in.");
}

function isOurs(path: string, root: string): boolean {
  return path.startsWith(`${root}/`) && !path.includes("/node_modules/");
}

function decoded(path: string): string {
  return path.includes("%") ? fileURLToPath(`file://${path}`) : path;
}

function shortened(message: string, root: string): string {
  const lines = message.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .slice(0, 3)
    .join(" ")
    .replaceAll(`${root}/`, "");
}
