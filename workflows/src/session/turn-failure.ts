import type { TurnError } from "@holdfast/contract/turn";
import { TURN_ERROR_CODES, type TurnErrorCode } from "@holdfast/contract/turn-errors";
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import { StateTooLargeError } from "./agent-state.ts";
import { EndlessLoopError } from "./loop-guard.ts";

/** Why a turn fails, in words for its user. A step throws it when it failed for good: an agent may catch it and go on. */
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

/** The turn's code, by the type of the activity's failure. */
function codeOf(type: string): TurnErrorCode | undefined {
  if (type === "breaker_open") return "model_unavailable";
  return TURN_ERROR_CODES.find((code) => code === type);
}

/** SPEC turn-5: what a step's activity that failed for good means for its turn. */
export function stepFailure(error: unknown): TurnFailure {
  if (!(error instanceof ActivityFailure)) return unavailable();
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return unanswered();
  const code = cause instanceof ApplicationFailure ? codeOf(cause.type ?? "") : undefined;
  return code !== undefined && cause !== undefined ? new TurnFailure(code, cause.message) : unavailable();
}

function unanswered(): TurnFailure {
  const sentence = "Nobody who works on answers has finished this one: none is there, or each fell silent.";
  return new TurnFailure("model_unavailable", `${sentence} Send it again later.`);
}

function unavailable(): TurnFailure {
  return new TurnFailure("model_unavailable", "The model did not answer after several tries. Send it again later.");
}

/** What an agent's `onTurn` threw. `defect`: where it was no failure that an agent may pass on, for whoever wrote the agent. */
export function agentFailure(thrown: unknown): { failure: TurnFailure; defect?: Defect } {
  if (thrown instanceof TurnFailure) return { failure: thrown };
  if (thrown instanceof StateTooLargeError) return { failure: new TurnFailure("state_too_large", thrown.message) };
  const sentence =
    thrown instanceof EndlessLoopError
      ? "The agent did not come to an end on this message."
      : "The agent failed on this message.";
  return { failure: new TurnFailure("agent_error", sentence), defect: describeDefect(thrown) };
}

export interface Defect {
  /** One line: what was thrown, and what to do about it where that is known. */
  summary: string;
  /** With the places in the agent's files. */
  stack: string;
}

/** What is missed in the sandbox most often by code that was written for Node or a browser. */
const OUTSIDE = new Set(
  "fetch require process Buffer XMLHttpRequest WebSocket EventSource crypto performance setImmediate clearImmediate window document navigator localStorage __dirname __filename".split(
    " ",
  ),
);

/** Whatever an agent's code threw, for the eyes of whoever wrote it. */
export function describeDefect(thrown: unknown): Defect {
  if (!(thrown instanceof Error)) {
    const summary = `${String(thrown)} (thrown as it is: throw an Error, which tells where it came from)`;
    return { summary, stack: summary };
  }
  const hint = hintFor(thrown);
  const message = `${thrown.name}: ${thrown.message}`;
  const summary = hint === undefined ? message : `${message}. ${hint}`;
  const stack = stackOf(thrown, message);
  return { summary, stack: hint === undefined ? stack : `${stack}\n${hint}` };
}

function hintFor({ name, message }: Error): string | undefined {
  const missing = name === "ReferenceError" ? /^(\S+) is not defined/.exec(message)?.[1] : undefined;
  if (missing !== undefined && OUTSIDE.has(missing)) {
    return `The code of an agent runs in Temporal's sandbox, which has no ${missing}: what reaches outside goes through \`turn\`, or is done in an activity.`;
  }
  if (name === "DeterminismViolationError") {
    return "The code of an agent is run again from history and must do the same each time.";
  }
  return undefined;
}

function stackOf(thrown: Error, message: string): string {
  const stack = thrown.stack ?? message;
  const { cause } = thrown;
  return cause instanceof Error ? `${stack}\nCaused by: ${stackOf(cause, cause.message)}` : stack;
}
