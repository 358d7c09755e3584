import { NAME_PATTERN } from "@holdfast/contract/ids";
import { COMMAND_ANSWERED, type COMMAND_FAILURES, type CommandCall } from "@holdfast/contract/temporal";
import { ApplicationFailure } from "@temporalio/workflow";
import type { Session } from "./session.ts";

/** Commands every session has. */
export const INTERRUPT = "interrupt";

/**
 * Refuses an Update before it is accepted, which leaves nothing in history.
 * Throws an ApplicationFailure whose type is one of COMMAND_FAILURES.
 */
export function validateCommand(call: CommandCall): void {
  const given: unknown = call;
  if (typeof given !== "object" || given === null) throw refused("invalid", "A command is an object.");
  if (!isName(call.id)) throw refused("invalid", "A command's id is a name (SPEC ids-1).");
  if (!isName(call.name)) throw refused("invalid", "A command's name is a name (SPEC ids-1).");
  if (call.name !== INTERRUPT) throw refused("unknown_command", `There is no command "${call.name}".`);
  // What is accepted stays in the run's history whole, and Temporal terminates a run whose history grows too large.
  if (Object.keys(argsOf(call) ?? {}).some((arg) => arg !== "turn")) {
    throw refused("invalid", "An interrupt has no args but turn.");
  }
  const turn = interruptedTurn(call);
  if (turn !== undefined && !(Number.isSafeInteger(turn) && turn >= 1)) {
    throw refused("invalid", "args.turn is a turn's number, or left out.");
  }
}

/**
 * Answers an Update that would change nothing by rejecting it: a repeat of one that was answered, or an interrupt of a turn
 * that does not run. A loop of these would otherwise fill the run's history.
 */
export function answerWithoutEffect(session: Pick<Session, "answered" | "running">, call: CommandCall): void {
  const answer =
    session.answered(call.id) ?? (stopsNothing(session, interruptedTurn(call)) ? { turn: null } : undefined);
  if (answer === undefined) return;
  const message = "The command changes nothing.";
  throw ApplicationFailure.create({ type: COMMAND_ANSWERED, message, details: [answer], nonRetryable: true });
}

function stopsNothing({ running }: Pick<Session, "running">, turn: number | undefined): boolean {
  return running === undefined || (turn !== undefined && turn !== running.turn);
}

/** NaN where it is given but is no number: a client that means a turn it does not know must not stop another. */
export function interruptedTurn(call: CommandCall): number | undefined {
  const turn = argsOf(call)?.["turn"];
  if (turn === undefined) return undefined;
  return typeof turn === "number" ? turn : Number.NaN;
}

/** Edges always send them; who comes past the edges may not. */
function argsOf(call: CommandCall): CommandCall["args"] | undefined {
  return call.args;
}

function isName(value: unknown): boolean {
  return typeof value === "string" && NAME_PATTERN.test(value);
}

function refused(type: (typeof COMMAND_FAILURES)[number], message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
