import type { RecallActivities } from "@holdfast/activities/recall";
import type { TurnStartedBody } from "@holdfast/contract/frames";
import { sessionPath } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import { markOf } from "@holdfast/contract/marks";
import {
  type CommandCall,
  type DeadLetters,
  type Legacy,
  QUERY_DEAD_LETTERS,
  QUERY_LEGACY,
  QUERY_SNAPSHOT,
  SIGNAL_EVENTS,
  type SessionStart,
  type SessionState,
  UPDATE_COMMAND,
} from "@holdfast/internal/temporal";
import * as temporal from "@temporalio/workflow";
import type { Agent } from "./agent.ts";
import { StateTooLargeError } from "./agent-state.ts";
import { type Carry, inherited } from "./carry.ts";
import { answered, interruptedTurn, validateCommand } from "./command.ts";
import { describeDefect } from "./defect.ts";
import { Governor } from "./governor.ts";
import { EndlessLoopError, guardLoops } from "./loop-guard.ts";
import { LogWriter } from "./log-writer.ts";
import { runStep } from "./model-steps.ts";
import { Session, type SessionRun, type TurnEnd } from "./session.ts";
import { TurnFailure } from "./turn-failure.ts";
import type { TurnRun } from "./turn-run.ts";

/**
 * In the first workflow task of every session, before anything else. A search and a Query where there is something to recall;
 * for a session that is new one look at the log.
 */
const { recall } = temporal.proxyLocalActivities<RecallActivities>({
  startToCloseTimeout: "10s",
  scheduleToCloseTimeout: "40s",
  retry: { initialInterval: "200ms", backoffCoefficient: 2, maximumInterval: "5s" },
});

const eventsSignal = temporal.defineSignal<[unknown]>(SIGNAL_EVENTS);
const snapshotQuery = temporal.defineQuery<SessionState>(QUERY_SNAPSHOT);
const deadLettersQuery = temporal.defineQuery<DeadLetters>(QUERY_DEAD_LETTERS);
const legacyQuery = temporal.defineQuery<Legacy>(QUERY_LEGACY);
const commandUpdate = temporal.defineUpdate<Json, [CommandCall]>(UPDATE_COMMAND);

/** Of one signal: who floods a session with rubbish is not to flood the log, too. */
const DEAD_LETTERS_LOGGED = 3;

export type SessionWorkflow = (start: SessionStart, carry?: Carry) => Promise<never>;

/** The workflow of sessions whose agents `agentNamed` finds; what it throws fails the workflow task. */
export function sessionWorkflow(agentNamed: (name: string) => Agent): SessionWorkflow {
  return async (start, carry) => {
    const session: { answer?: Answering } = {};
    // Before anything is awaited: the SDK refuses commands for which there is no handler, while signals wait for theirs.
    temporal.setHandler(
      commandUpdate,
      async (call) => {
        if (session.answer === undefined) await temporal.condition(() => session.answer !== undefined);
        return session.answer?.command(call) ?? null;
      },
      {
        validator(call) {
          validateCommand(call);
          session.answer?.validate(call);
        },
      },
    );
    const begun = carry === undefined ? await recalled(start) : { agent: start.agent, carry };
    return runSession({ ...start, agent: begun.agent }, agentNamed(begun.agent), begun.carry, (answer) => {
      session.answer = answer;
    });
  };
}

/** What a session does with a command. */
interface Answering {
  /** Throws what the command is answered with where it changes nothing. */
  validate(call: CommandCall): void;
  command(call: CommandCall): Promise<Json>;
}

/** Asks what an earlier session of this name has left. */
async function recalled(start: SessionStart): Promise<{ agent: string; carry: Carry | undefined }> {
  const { runId, startTime } = temporal.workflowInfo();
  try {
    const legacy = await recall(start.key, startTime.getTime(), runId);
    if (legacy !== null) return { agent: legacy.agent, carry: inherited(legacy, startTime.getTime()) };
  } catch (error) {
    if (temporal.isCancellation(error)) throw error;
    const about = { session: pathOf(start), error: described(error) };
    temporal.log.error("what the session held before it was ended cannot be recalled; it begins anew", about);
  }
  return { agent: start.agent, carry: undefined };
}

/**
 * One session: the conversation of one client with one agent. Handlers only enqueue; the loop consumes, one thing at a
 * time. It ends by continuing as a new run, or when an operator cancels it.
 */
async function runSession(
  start: SessionStart,
  agent: Agent,
  carry: Carry | undefined,
  onReady: (answer: Answering) => void,
): Promise<never> {
  const state = new Session(start, agent, runOf(temporal.workflowInfo()), carry);
  const governor = new Governor();
  const log = new LogWriter(start.key, state.epoch, carry?.unrepaired ?? false);
  let turnScope: temporal.CancellationScope | undefined;
  /** Set once an operator has cancelled the session. */
  let cancelled: { reason: unknown } | undefined;

  temporal.setHandler(eventsSignal, (payload) => {
    governor.signalled(temporal.workflowInfo());
    guardLoops();
    const { dead, observeError } = state.receive(payload);
    for (const { reason, by, producer, seq, kind } of dead.slice(0, DEAD_LETTERS_LOGGED)) {
      const about = { session: pathOf(start), reason, by, producer, seq, kind, inAll: dead.length };
      temporal.log.error("an event could not be taken; it is kept as a dead letter", about);
    }
    if (observeError !== undefined)
      temporal.log.error("the agent's onObserve failed", { session: pathOf(start), error: described(observeError) });
  });
  // Without it the SDK would keep signals of other names for ever.
  temporal.setDefaultSignalHandler((name) => {
    governor.ignored();
    state.ignore(name);
    temporal.log.error("ignored a signal of unknown name", { name });
  });
  temporal.setHandler(snapshotQuery, () => state.truth());
  temporal.setHandler(deadLettersQuery, () => state.deadLetters());
  temporal.setHandler(legacyQuery, () => state.legacy());
  onReady({
    command,
    validate(call) {
      const answer = state.idleAnswer(call, interruptedTurn(call));
      if (answer !== undefined) throw answered(answer);
    },
  });

  async function command(call: CommandCall): Promise<Json> {
    const before = state.answered(call);
    if (before !== undefined) return before;
    const turn = state.interrupt(interruptedTurn(call), call.by);
    const answer = { turn };
    // Before anything is awaited, so that a repeat under way at the same time finds it.
    state.answer(call, answer);
    if (turn !== null) {
      turnScope?.cancel();
      await log.requestStop(turn);
    }
    return answer;
  }

  async function takeTurn(run: TurnRun): Promise<void> {
    const scope = new temporal.CancellationScope();
    turnScope = scope;
    guardLoops();
    const end = await turnEnd(start, run, () =>
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
    if (run.busy) {
      scope.cancel();
      // The agent gave up, or was interrupted, beside a step it did not wait for: readers keep what they have of it.
      if (end.outcome !== "completed") run.stepBroke(await log.heldText(run.turn));
    }
    await commit(state.endTurn(end), run.unheard ? turnStarted(start, run) : undefined);
  }

  async function commit(...what: Parameters<LogWriter["publish"]>): Promise<void> {
    const shown = await log.publish(...what);
    if (shown !== undefined) state.adopt(shown);
  }

  const isCancelled = (): boolean => cancelled !== undefined;

  const leaving = (): boolean => {
    const run = temporal.workflowInfo();
    return governor.due(run) && governor.quiet(run);
  };

  async function loop(): Promise<never> {
    for (;;) {
      await temporal.condition(() => cancelled !== undefined || state.hasInput || state.patchDue || leaving());
      if (cancelled !== undefined) {
        await temporal.condition(temporal.allHandlersFinished);
        throw cancelled.reason;
      }
      if (leaving()) {
        await temporal.condition(temporal.allHandlersFinished);
        // Without input there is nothing to work down first.
        const force = governor.urgent(temporal.workflowInfo()) || !state.hasInput;
        const next = state.carry(log.unrepaired, force);
        // A cancellation is the run's, and the next one would not hear of it.
        if (next !== undefined && !isCancelled()) await temporal.continueAsNew<SessionWorkflow>(start, next);
      }
      if (state.patchDue) await commit(state.patchObserved());
      if (isCancelled()) continue;
      const run = state.startTurn();
      if (run !== undefined) await takeTurn(run);
    }
  }

  // "Request Cancellation" in Temporal's own tools: the running turn ends as by an interrupt, is published, and then the run
  // ends. That needs the log, so the loop is out of the cancellation's reach, and hears of it here.
  temporal.CancellationScope.current().cancelRequested.catch((reason: unknown) => {
    cancelled = { reason };
    const turn = state.interrupt(undefined);
    if (turn === null) return;
    turnScope?.cancel();
    return temporal.CancellationScope.nonCancellable(() => log.requestStop(turn));
  });
  return temporal.CancellationScope.nonCancellable(loop);
}

function runOf({ runId, startTime }: temporal.WorkflowInfo): SessionRun {
  return { id: runId, startedAt: startTime.getTime() };
}

/** Runs the agent's code of a turn to its end, however it ends. */
async function turnEnd(start: SessionStart, run: TurnRun, onTurn: () => Promise<void>): Promise<TurnEnd> {
  try {
    await onTurn();
    return { outcome: run.stopped ? "interrupted" : "completed" };
  } catch (error) {
    if (isTemporals(error)) throw error;
    // Whatever an agent makes of the TurnStopped it got.
    if (run.stopped) return { outcome: "interrupted" };
    return { outcome: "failed", failure: failureOf(start, run, error) };
  }
}

function failureOf(start: SessionStart, run: TurnRun, error: unknown): TurnFailure {
  if (error instanceof TurnFailure) return error;
  if (error instanceof StateTooLargeError) return new TurnFailure("state_too_large", error.message);
  const defect = describeDefect(error);
  const about = { agent: start.agent, session: pathOf(start), turn: run.turn };
  temporal.log.error(`the code of agent "${start.agent}" threw: ${defect.summary}`, { ...about, error: defect.stack });
  // Temporal's UI shows it beside the session; history does not grow by it.
  temporal.setCurrentDetails(`Turn ${run.turn} failed: the agent's code threw.\n\n${indented(defect.stack)}`);
  const sentence =
    error instanceof EndlessLoopError
      ? "The agent did not come to an end on this message."
      : "The agent failed on this message.";
  return new TurnFailure("agent_error", sentence);
}

/** What Temporal throws to end a run: an agent's turn must not swallow it. */
function isTemporals(error: unknown): boolean {
  return error instanceof temporal.ContinueAsNew;
}

/** Whatever was thrown, as something that can leave the sandbox. */
function described(error: unknown): string {
  return describeDefect(error).stack;
}

/** As Markdown shows what is to stay as it is. */
function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

function pathOf({ key }: SessionStart): string {
  return sessionPath(key);
}

function turnStarted(start: SessionStart, { turn, version, input }: TurnRun): TurnStartedBody {
  const applied = { [markOf(input.by, input.producer)]: input.seq };
  return { type: "turn.started", version, turn, agent: start.agent, inputs: [input], applied };
}
