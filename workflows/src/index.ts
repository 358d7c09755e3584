import { agentNamed } from "./agents/registry.ts";
import { sessionWorkflow } from "./session/workflow.ts";

export type { StateOf } from "./agents/define-agent.ts";
export type { ConciergeState } from "./agents/concierge.ts";

/** Every function this module exports is a workflow; its name is the workflow's type (WORKFLOW_TYPE). */
export const session = sessionWorkflow(agentNamed);
