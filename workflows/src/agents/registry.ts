import { concierge } from "./concierge.ts";
import type { Agent } from "./define-agent.ts";
import { echo } from "./echo.ts";

const AGENTS: readonly Agent[] = [concierge, echo];

/** What `npm start` lets clients ask for unless HOLDFAST_AGENTS says otherwise. */
export function agentNames(): string[] {
  return AGENTS.map(({ name }) => name);
}

/**
 * Throws a plain Error for an agent this deployment does not have: it fails the workflow task, which Temporal tries again
 * until a deployment has it, so nothing the client sent is lost.
 */
export function agentNamed(name: string): Agent {
  const agent = AGENTS.find((candidate) => candidate.name === name);
  if (agent === undefined) {
    throw new Error(`This orchestrator has no agent "${name}": deploy one that has, or take it off HOLDFAST_AGENTS.`);
  }
  return agent;
}
