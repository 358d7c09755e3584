import type { Commit } from "@holdfast/activities/publish";
import type { BodyOf } from "@holdfast/contract/frames";
import { sessionPath } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import {
  type CommandCall,
  type DeadLetters,
  type HistoryPage,
  type HistoryQuery,
  type Legacy,
  QUERY_DEAD_LETTERS,
  QUERY_HISTORY,
  QUERY_LEGACY,
  QUERY_SNAPSHOT,
  SIGNAL_EVENTS,
  type SessionStart,
  type SessionState,
  UPDATE_COMMAND,
} from "@holdfast/internal/temporal";
import * as temporal from "@temporalio/workflow";
import type { Agent } from "../agents/define-agent.ts";
import { recall, respond } from "./activities.ts";
import { answered, interruptedTurn, validateCommand } from "./commands.ts";
import { type ContinuedSession, ContinuePolicy, inheritedSession } from "./continue-as-new.ts";
import { LogWriter } from "./log-writer.ts";
import { guardLoops } from "./loop-guard.ts";
import { Session, type SessionRun } from "./session.ts";
import type { Turn, TurnDeps } from "./turn.ts";
import { type Defect, describeDefect } from "./turn-failure.ts";

const eventsSignal = temporal.defineSignal<[unknown]>(SIGNAL_EVENTS);
const snapshotQuery = temporal.defineQuery<SessionState>(QUERY_SNAPSHOT);
const historyQuery = temporal.defineQuery<HistoryPage, [HistoryQuery]>(QUERY_HISTORY);
const deadLettersQuery = temporal.defineQuery<DeadLetters>(QUERY_DEAD_LETTERS);
const legacyQuery = temporal.defineQuery<Legacy>(QUERY_LEGACY);
const commandUpdate = temporal.defineUpdate<Json, [CommandCall]>(UPDATE_COMMAND);

/** Of one signal: who floods a session with rubbish is not to flood the log, too. */
const DEAD_LETTERS_LOGGED = 3;

export type SessionWorkflow = (start: SessionStart, before?: ContinuedSession) => Promise<never>;

/** The workflow of sessions whose agents `agentNamed` finds; what it throws fails the workflow task. */
export function sessionWorkflow(agentNamed: (name: string) => Agent): SessionWorkflow {
  return async (start, before) => {
    const session: { commands?: CommandHandler } = {};
    // Before anything is awaited: the SDK refuses commands for which there is no handler, while signals wait for theirs.
    temporal.setHandler(
      commandUpdate,
      async (call) => {
        if (session.commands === undefined) await temporal.condition(() => session.commands !== undefined);
        return session.commands?.command(call) ?? null;
      },
      {
        validator(call) {
          validateCommand(call);
          session.commands?.validate(call);
        },
      },
    );
    const begun = before === undefined ? await recalled(start) : { agent: start.agent, before };
    return runSession({ ...start, agent: begun.agent }, agentNamed(begun.agent), begun.before, (commands) => {
      session.commands = commands;
    });
  };
}

/** What a session does with a command. */
interface CommandHandler {
  /** Throws what the command is answered with where it changes nothing. */
  validate(call: CommandCall): void;
  command(call: CommandCall): Promise<Json>;
}

/** Asks what an earlier session of this name has left. */
async function recalled(start: SessionStart): Promise<{ agent: string; before: ContinuedSession | undefined }> {
  const { runId, startTime } = temporal.workflowInfo();
  try {
    const legacy = await recall(start.key, startTime.getTime(), runId);
    if (legacy !== null) return { agent: legacy.agent, before: inheritedSession(legacy, startTime.getTime()) };
  } catch (error) {
    if (temporal.isCancellation(error)) throw error;
    const about = { session: pathOf(start), error: described(error) };
    temporal.log.error("what the session held before it was ended cannot be recalled; it begins anew", about);
  }
  return { agent: start.agent, before: undefined };
}

/**
 * One session: the conversation of people with one agent. Handlers only enqueue; the loop consumes, one thing at a
 * time. It ends by continuing as a new run, or when an operator cancels it.
 */
async function runSession(
  start: SessionStart,
  agent: Agent,
  before: ContinuedSession | undefined,
  onReady: (commands: CommandHandler) => void,
): Promise<never> {
  const { key } = start;
  const session = new Session(start, agent, runOf(temporal.workflowInfo()), before);
  const { epoch } = session;
  const policy = new ContinuePolicy();
  const log = new LogWriter({ key, epoch, unrepaired: before?.unrepaired ?? false });
  let turnScope: temporal.CancellationScope | undefined;
  /** Set once an operator has cancelled the session. */
  let cancelled: { reason: unknown } | undefined;

  temporal.setHandler(eventsSignal, (payload) => {
    policy.signalled(temporal.workflowInfo());
    guardLoops();
    const { dead, observeError } = session.receive(payload);
    for (const { reason, by, producer, seq, kind } of dead.slice(0, DEAD_LETTERS_LOGGED)) {
      const about = { session: pathOf(start), reason, by, producer, seq, kind, inAll: dead.length };
      temporal.log.error("an event could not be taken; it is kept as a dead letter", about);
    }
    if (observeError !== undefined)
      temporal.log.error("the agent's onObserve failed", { session: pathOf(start), error: described(observeError) });
  });
  // Without it the SDK would keep signals of other names for ever.
  temporal.setDefaultSignalHandler((name) => {
    policy.ignored();
    session.ignore(name);
    temporal.log.error("ignored a signal of unknown name", { name });
  });
  temporal.setHandler(snapshotQuery, () => session.sessionState());
  temporal.setHandler(historyQuery, (query) => session.history(query));
  temporal.setHandler(deadLettersQuery, () => session.deadLetters());
  temporal.setHandler(legacyQuery, () => session.legacy());
  onReady({
    command,
    validate(call) {
      const answer = session.idleAnswer(call, interruptedTurn(call));
      if (answer !== undefined) throw answered(answer);
    },
  });

  async function command(call: CommandCall): Promise<Json> {
    const remembered = session.answered(call);
    if (remembered !== undefined) return remembered;
    const turn = session.interrupt(interruptedTurn(call), call.by);
    const answer = { turn };
    // Before anything is awaited, so that a repeat under way at the same time finds it.
    session.answer(call, answer);
    if (turn !== null) {
      turnScope?.cancel();
      await log.requestStop(turn);
    }
    return answer;
  }

  // What a turn's own scope runs is cancelled by an interrupt. The log must hear of what the turn decided all the same.
  const { CancellationScope } = temporal;
  const turnDeps: TurnDeps = {
    respond: (call) => respond(start, { key, epoch, ...call }),
    publishStep: (turn) => CancellationScope.nonCancellable(() => commit(session.endStep(), startedUnlessHeard(turn))),
    heldStep: (turn) => CancellationScope.nonCancellable(() => log.heldStep(turn.number)),
    onDefect: (turn, defect) => reportDefect(start, turn, defect),
    log: temporal.log,
  };

  async function takeTurn(turn: Turn): Promise<void> {
    const scope = new temporal.CancellationScope();
    turnScope = scope;
    const end = await scope.run(() => turn.run());
    turnScope = undefined;
    if (turn.isBusy) {
      scope.cancel();
      // The agent gave up, or was interrupted, beside a step it did not wait for: readers keep what they have of it.
      turn.breakStep(end.outcome === "completed" ? undefined : await log.heldStep(turn.number));
    }
    const ended = session.endTurn(end);
    if (ended !== undefined) await commit(ended, startedUnlessHeard(turn));
  }

  async function commit(what: Commit, started?: BodyOf<"turn.started">): Promise<void> {
    const shown = await log.publish(what, started);
    const next = shown === undefined ? undefined : session.adopt(what, shown);
    if (next !== undefined) await commit(next);
  }

  const isCancelled = (): boolean => cancelled !== undefined;

  const isLeaving = (): boolean => {
    const run = temporal.workflowInfo();
    return policy.isDue(run) && policy.isQuiet(run);
  };

  async function loop(): Promise<never> {
    for (;;) {
      await temporal.condition(() => cancelled !== undefined || session.hasInput || session.patchDue || isLeaving());
      if (cancelled !== undefined) {
        await temporal.condition(temporal.allHandlersFinished);
        throw cancelled.reason;
      }
      if (isLeaving()) {
        await temporal.condition(temporal.allHandlersFinished);
        // Without input there is nothing to work down first.
        const force = policy.isUrgent(temporal.workflowInfo()) || !session.hasInput;
        const next = session.continued(log.unrepaired, force);
        // A cancellation is the run's, and the next one would not hear of it.
        if (next !== undefined && !isCancelled()) await temporal.continueAsNew<SessionWorkflow>(start, next);
      }
      if (session.patchDue) await commit(session.patchObserved());
      if (isCancelled()) continue;
      const turn = session.startTurn(turnDeps);
      if (turn !== undefined) await takeTurn(turn);
    }
  }

  // "Request Cancellation" in Temporal's own tools: the running turn ends as by an interrupt, is published, and then the run
  // ends. That needs the log, so the loop is out of the cancellation's reach, and hears of it here.
  temporal.CancellationScope.current().cancelRequested.catch((reason: unknown) => {
    cancelled = { reason };
    const turn = session.interrupt(undefined);
    if (turn === null) return;
    turnScope?.cancel();
    return temporal.CancellationScope.nonCancellable(() => log.requestStop(turn));
  });
  return temporal.CancellationScope.nonCancellable(loop);
}

/** The turn's start, where no worker may have written it. */
function startedUnlessHeard(turn: Turn): BodyOf<"turn.started"> | undefined {
  return turn.isHeard ? undefined : turn.started();
}

function runOf({ runId, startTime }: temporal.WorkflowInfo): SessionRun {
  return { id: runId, startedAt: startTime.getTime() };
}

function reportDefect(start: SessionStart, { number }: Turn, { summary, stack }: Defect): void {
  const about = { agent: start.agent, session: pathOf(start), turn: number, error: stack };
  temporal.log.error(`the code of agent "${start.agent}" threw: ${summary}`, about);
  // Temporal's UI shows it beside the session; history does not grow by it.
  temporal.setCurrentDetails(`Turn ${number} failed: the agent's code threw.\n\n${indented(stack)}`);
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
