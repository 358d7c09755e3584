import type { TurnError } from "@holdfast/contract/snapshot";

/** SPEC turn-5. */
export type TurnErrorCode = StepErrorCode | "agent_error" | "state_too_large";
/** Those a step's activity tells. */
export type StepErrorCode =
  | "model_refused"
  | "content_refused"
  | "context_too_long"
  | "output_limit"
  | "model_unavailable"
  | "turn_deadline";

/** A step failed for good. An agent may catch it and end its turn in another way. */
export class TurnFailure extends Error {
  override name = "TurnFailure";
  readonly code: TurnErrorCode;

  constructor(code: TurnErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  toError(): TurnError {
    return { code: this.code, message: this.message };
  }
}

/** SPEC command-2: the turn was interrupted; thrown where it would begin another step. */
export class TurnStopped extends Error {
  override name = "TurnStopped";

  constructor() {
    super("The turn was interrupted.");
  }
}
