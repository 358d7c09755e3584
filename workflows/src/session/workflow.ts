import type { TurnStartedBody } from "@holdfast/contract/frames";
import type { Json } from "@holdfast/contract/json";
import {
  type CommandCall,
  QUERY_SNAPSHOT,
  SIGNAL_EVENTS,
  type SessionStart,
  type SessionTruth,
  UPDATE_COMMAND,
} from "@holdfast/contract/temporal";
import * as temporal from "@temporalio/workflow";
import type { Agent } from "./agent.ts";
import { StateTooLargeError } from "./agent-state.ts";
import type { Carry } from "./carry.ts";
import { answerWithoutEffect, interruptedTurn, validateCommand } from "./command.ts";
import { Governor } from "./governor.ts";
import { LogWriter } from "./log-writer.ts";
import { runStep } from "./model-steps.ts";
import { Session, type SessionRun, type TurnEnd } from "./session.ts";
import { TurnFailure } from "./turn-failure.ts";
import type { TurnRun } from "./turn-run.ts";

const eventsSignal = temporal.defineSignal<[unknown]>(SIGNAL_EVENTS);
const snapshotQuery = temporal.defineQuery<SessionTruth>(QUERY_SNAPSHOT);
const commandUpdate = temporal.defineUpdate<Json, [CommandCall]>(UPDATE_COMMAND);

/** What a run's history notes when it ends as a short one (see `Governor`). */
const SHORT_RUNS = "short-runs";
/** And when it ends because it is full. */
const FULL_RUNS = "full-runs";

export type SessionWorkflow = (start: SessionStart, carry?: Carry) => Promise<never>;

/** The workflow of sessions whose agents `agentNamed` finds; what it throws fails the workflow task. */
export function sessionWorkflow(agentNamed: (name: string) => Agent): SessionWorkflow {
  return (start, carry) => runSession(start, agentNamed(start.agent), carry);
}

/**
 * One session: the conversation of one client with one agent. Handlers only enqueue; the loop consumes, one thing at a
 * time. It ends by continuing as a new run, or when an operator cancels it.
 */
async function runSession(start: SessionStart, agent: Agent, carry: Carry | undefined): Promise<never> {
  const state = new Session(start, agent, runOf(temporal.workflowInfo()), carry);
  const governor = new Governor(
    () => temporal.patched(SHORT_RUNS),
    () => temporal.patched(FULL_RUNS),
  );
  const log = new LogWriter(start.key, state.incarnation, carry?.unhealed ?? false);
  let turnScope: temporal.CancellationScope | undefined;

  temporal.setHandler(eventsSignal, (payload) => {
    governor.signalled(temporal.workflowInfo());
    const { malformed, observeError } = state.receive(payload);
    if (malformed > 0) temporal.log.warn("dropped what was malformed in a signal", { malformed });
    if (observeError !== undefined)
      temporal.log.error("the agent's onObserve failed", { error: described(observeError) });
  });
  // Without it the SDK would keep signals of other names for ever.
  temporal.setDefaultSignalHandler((name) => {
    governor.ignored();
    temporal.log.warn("ignored a signal of unknown name", { name });
  });
  temporal.setHandler(snapshotQuery, () => state.truth());
  temporal.setHandler(commandUpdate, command, { validator: validate });

  function validate(call: CommandCall): void {
    validateCommand(call);
    answerWithoutEffect(state, call);
  }

  async function command(call: CommandCall): Promise<Json> {
    const before = state.answered(call.id);
    if (before !== undefined) return before;
    const turn = state.interrupt(interruptedTurn(call));
    const answer = { turn };
    // Before anything is awaited, so that a repeat under way at the same time finds it.
    state.answer(call.id, answer);
    if (turn !== null) {
      turnScope?.cancel();
      await log.requestStop(turn);
    }
    return answer;
  }

  async function takeTurn(run: TurnRun): Promise<void> {
    const scope = new temporal.CancellationScope();
    turnScope = scope;
    const end = await turnEnd(run, () =>
      scope.run(() =>
        agent.onTurn({
          turn: run.turn,
          input: run.input,
          state: () => state.draft(),
          setState(value) {
            if (run.ended) temporal.log.error("an update came after its turn and is dropped", { turn: run.turn });
            else state.setDraft(value);
          },
          respond(request) {
            const result = runStep(start, run, log, request);
            // A rejection nobody handles, because the agent did not wait, would fail the workflow task.
            result.catch(() => {});
            return result;
          },
        }),
      ),
    );
    turnScope = undefined;
    if (run.busy) scope.cancel();
    await commit(state.endTurn(end), run.unheard ? turnStarted(start, run) : undefined);
  }

  async function commit(...what: Parameters<LogWriter["publish"]>): Promise<void> {
    const shown = await log.publish(...what);
    if (shown !== undefined) state.adopt(shown);
  }

  const leaving = (): boolean => {
    const run = temporal.workflowInfo();
    // In this order: that a run is due may be noted in its history, and is to be noted when it ends.
    return governor.quiet(run) && governor.due(run);
  };
  for (;;) {
    await temporal.condition(() => state.hasInput || state.patchDue || leaving());
    if (leaving()) {
      await temporal.condition(temporal.allHandlersFinished);
      // Without input there is nothing to work down first.
      const force = governor.urgent(temporal.workflowInfo()) || !state.hasInput;
      const next = state.carry(log.unhealed, force);
      if (next !== undefined) await temporal.continueAsNew<SessionWorkflow>(start, next);
    }
    if (state.patchDue) await commit(state.patchObserved());
    const run = state.startTurn();
    if (run !== undefined) await takeTurn(run);
  }
}

function runOf({ runId, startTime }: temporal.WorkflowInfo): SessionRun {
  return { id: runId, startedAt: startTime.getTime() };
}

/** Runs the agent's code of a turn to its end, however it ends. */
async function turnEnd(run: TurnRun, onTurn: () => Promise<void>): Promise<TurnEnd> {
  try {
    await onTurn();
    return { outcome: run.stopped ? "interrupted" : "completed" };
  } catch (error) {
    if (isTemporals(error)) throw error;
    // Whatever an agent makes of the TurnStopped it got.
    if (run.stopped) return { outcome: "interrupted" };
    if (temporal.isCancellation(error)) throw error;
    return { outcome: "failed", failure: failureOf(run, error) };
  }
}

function failureOf(run: TurnRun, error: unknown): TurnFailure {
  if (error instanceof TurnFailure) return error;
  if (error instanceof StateTooLargeError) return new TurnFailure("state_too_large", error.message);
  temporal.log.error("the agent's code threw", { turn: run.turn, error: described(error) });
  return new TurnFailure("agent_error", "The agent failed on this message.");
}

/** What Temporal throws to end or fail a run: an agent's turn must not swallow it. */
function isTemporals(error: unknown): boolean {
  return error instanceof temporal.ContinueAsNew || error instanceof temporal.DeterminismViolationError;
}

/** Whatever was thrown, as something that can leave the sandbox. */
function described(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function turnStarted(start: SessionStart, { turn, version, input }: TurnRun): TurnStartedBody {
  const applied = { [input.producer]: input.seq };
  return { type: "turn.started", version, turn, agent: start.agent, inputs: [input], applied };
}
