import { NAME_PATTERN } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { crowdedOut, markOf } from "@holdfast/contract/marks";
import { COMMAND_ANSWERED, type COMMAND_FAILURES, type CommandCall } from "@holdfast/internal/temporal";
import { ApplicationFailure } from "@temporalio/workflow";

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
  if (!isName(call.by)) throw refused("invalid", "A command says which subject gives it.");
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

/** The answer to a command that changes nothing. Thrown like a refusal, for the same reason. */
export function answered(result: Json): ApplicationFailure {
  const message = "The command changes nothing; its answer is in the details.";
  return ApplicationFailure.create({ type: COMMAND_ANSWERED, message, details: [result], nonRetryable: true });
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

export interface RememberedAnswer {
  /** Who gave the command, and the id it had. */
  readonly mark: string;
  readonly answer: Json;
}

/**
 * SPEC command-1: the answers of the last LIMITS.commands commands, each under the subject that gave it: nobody is answered with,
 * or loses to, another's. Temporal dedupes Updates by id within one run only and would execute a repeat again after
 * continue-as-new; these go along.
 */
export class CommandAnswers {
  readonly #answers: Map<string, Json>;

  constructor(answers: readonly RememberedAnswer[] = []) {
    this.#answers = new Map(answers.map(({ mark, answer }) => [mark, answer]));
  }

  /** Undefined for a command that was not answered yet, or so long ago that it is forgotten. */
  find({ by, id }: { by: string; id: string }): Json | undefined {
    return this.#answers.get(markOf(by, id));
  }

  remember({ by, id }: { by: string; id: string }, answer: Json): void {
    this.#answers.set(markOf(by, id), answer);
    if (this.#answers.size <= LIMITS.commands) return;
    const forgotten = crowdedOut(this.#answers.keys());
    if (forgotten !== undefined) this.#answers.delete(forgotten);
  }

  get all(): RememberedAnswer[] {
    return [...this.#answers].map(([mark, answer]) => ({ mark, answer }));
  }
}
