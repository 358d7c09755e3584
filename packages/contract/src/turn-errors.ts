/** SPEC turn-5: why a turn fails. Apart from the schemas, because workflow code imports it. */
export const TURN_ERROR_CODES = [
  "model_refused",
  "content_refused",
  "context_too_long",
  "output_limit",
  "model_unavailable",
  "turn_deadline",
  "agent_error",
  "state_too_large",
] as const;
export type TurnErrorCode = (typeof TURN_ERROR_CODES)[number];
