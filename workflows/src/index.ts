export { session } from "./session/workflow.ts";
export type { StateOf } from "./agents/define-agent.ts";
export type { ConciergeState } from "./agents/concierge.ts";
