import {
  jsonSchema,
  markOf,
  sessionPath,
  wireError,
  workflowIdOf,
  type CommandAck,
  type CommandRequest,
  type Json,
  type SessionKey,
  type WireError,
} from "@holdfast/contract";
import { COMMAND_ANSWERED, COMMAND_FAILURES, UPDATE_COMMAND, type CommandCall } from "@holdfast/internal";
import {
  ApplicationFailure,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from "@temporalio/client";
import { spread, TokenBuckets, type Rate } from "../pacing.ts";
import { classifyTemporalFailure } from "../temporal.ts";

/** `by`: the subject that gives it. Never rejects. */
export type RunCommand = (key: SessionKey, by: string, request: CommandRequest) => Promise<CommandAck>;

/**
 * SPEC command-1: a command is a Temporal Update, whose id is the command's, so that a repeat waits for the first one's
 * answer. Until a worker takes an Update it is in memory only: without an answer in time the command is `unavailable` (command-3).
 */
export function createRunCommand(client: Client, timeoutMs: number): RunCommand {
  return async (key, by, { id, name, args, traceparent }) => {
    const call: CommandCall = { id, by, name, args: args ?? {}, ...(traceparent !== undefined && { traceparent }) };
    try {
      const result = await client.withDeadline(Date.now() + timeoutMs, () =>
        client.workflow
          .getHandle(workflowIdOf(key))
          .executeUpdate<Json | undefined, [CommandCall]>(UPDATE_COMMAND, { args: [call], updateId: markOf(by, id) }),
      );
      return { ok: true, result: result ?? null };
    } catch (error) {
      const answer = answerOf(error);
      return answer === undefined ? { ok: false, error: commandError(error) } : { ok: true, result: answer };
    }
  };
}

/** The answer of a command that changes nothing: the session rejects its Update with the answer. */
function answerOf(error: unknown): Json | undefined {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== COMMAND_ANSWERED) return undefined;
  const answer = jsonSchema.safeParse(cause.details?.[0]);
  return answer.success ? answer.data : undefined;
}

/**
 * SPEC limit-2: the rate of a session's commands by way of this node. Each command is a call to Temporal and a task for an agent
 * process. The owner and the guests have a rate each, so that guests cannot keep the owner from stopping a turn.
 */
export class CommandPace {
  readonly #sessions: TokenBuckets;

  constructor(rate: Rate) {
    this.#sessions = new TokenBuckets(rate);
  }

  take(key: SessionKey, subject: string): number {
    const side = subject === key.owner ? "owner" : "guests";
    return this.#sessions.take(`${side}/${sessionPath(key)}`, performance.now());
  }
}

function commandError(error: unknown): WireError {
  if (error instanceof WorkflowUpdateFailedError) return answeredError(error.cause);
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return unavailable();
  switch (classifyTemporalFailure(error)) {
    case "not_found":
      return wireError("unknown_session");
    case "overloaded":
      return wireError("busy", "The session has too many commands under way.", { retryAfterMs: spread(1_000) });
    case "transient":
      return unavailable();
    case "too_large":
      return wireError("too_large", "The command is larger than Temporal takes.");
    case "permanent":
      return wireError("internal");
  }
}

/** What the session itself answered. */
function answeredError(cause: unknown): WireError {
  if (!(cause instanceof ApplicationFailure)) return wireError("internal");
  const code = COMMAND_FAILURES.find((type) => type === cause.type);
  // The session ended, or moved on to its next run, before it could answer. A repeat goes to the run that is there then.
  if (code === undefined) return /Update/.test(cause.type ?? "") ? unavailable() : wireError("internal");
  return wireError(code, cause.message);
}

function unavailable(): WireError {
  return wireError("unavailable", "No agent process answered in time.", { retryAfterMs: spread(1_000) });
}
