import type { JsonObject } from "@holdfast/contract/json";
import type { Turn } from "@holdfast/contract/turn";
import type { DeadLetters, HeldStep, Legacy } from "@holdfast/internal/temporal";
import type { RememberedAnswer } from "./commands.ts";
import type { ProducerMark, WaitingInput } from "./inbox.ts";

/** What Temporal says of a run at the current workflow task; the same on replay. */
export interface RunFacts {
  /** Events in the run's history when this workflow task started. */
  readonly historyLength: number;
  readonly continueAsNewSuggested: boolean;
}

/**
 * A worker that does not have a session in memory replays its whole run. That takes half a millisecond of CPU an event, and has to be
 * done within ten seconds. A worker that takes over from another replays all of its sessions, some side by side. With longer runs none
 * would be done in time on a busy machine, and all would begin again.
 */
const HISTORY_EVENTS = 400;
/** Temporal's own hint does not count signals. */
const SIGNALS = 2_000;
/** Temporal refuses a run any more than these, whatever their names. */
const MOST_SIGNALS = 10_000;
/** Beyond so many the run ends, even if the next run has to begin with fewer turns. */
const URGENT_HISTORY_EVENTS = 20_000;
const URGENT_SIGNALS = 3 * SIGNALS;
/** Most signals that a quiet workflow task brings. A task that is run again also brings those that landed during the first try. */
const QUIET_SIGNALS = 1;

/**
 * When a run ends and the session continues as a new one.
 *
 * If a signal lands during the continue-as-new task, the server refuses the task. The next task has to replay the whole run, which is
 * long enough for another signal to land, and so on until the signal limit. So a run ends only in a quiet task, one that brought at
 * most one signal. A task that replays during a flood is not quiet; the edges' pacing leaves quiet tasks. A run that has all the
 * signals Temporal allows ends at once, since no other can land. Only this class looks at how many signals a task brought. It decides
 * when a run ends, and nothing a session does depends on that.
 */
export class ContinuePolicy {
  #signals = 0;
  #ignored = 0;
  #task = -1;
  #signalsInTask = 0;

  signalled({ historyLength }: RunFacts): void {
    this.#signals++;
    if (this.#task !== historyLength) this.#signalsInTask = 0;
    this.#task = historyLength;
    this.#signalsInTask++;
  }

  /** A signal of a name that sessions do not have: only Temporal's limit counts it. */
  ignored(): void {
    this.#ignored++;
  }

  /** The run is long enough. */
  isDue(run: RunFacts): boolean {
    return run.continueAsNewSuggested || run.historyLength >= HISTORY_EVENTS || this.#signals >= SIGNALS;
  }

  /** The run must end soon, whatever it costs. */
  isUrgent(run: RunFacts): boolean {
    return run.historyLength >= URGENT_HISTORY_EVENTS || this.#signals >= URGENT_SIGNALS;
  }

  /** This workflow task is likely to complete before the next signal lands. */
  isQuiet(run: RunFacts): boolean {
    if (this.#task !== run.historyLength || this.#signalsInTask <= QUIET_SIGNALS) return true;
    return this.#signals + this.#ignored >= MOST_SIGNALS;
  }
}

/**
 * The second argument of a run that continues another: what the session takes along, always at a turn boundary. Plain JSON (a Map
 * would arrive as `{}`), and less than Temporal's limit for one payload.
 */
export interface ContinuedSession {
  readonly format: 1;
  readonly epoch: number;
  readonly version: number;
  /** The agent's state as of `version`. */
  readonly committed: JsonObject;
  /** With what was observed since; left out where that is nothing. */
  readonly state?: JsonObject;
  /** Turns of the session's snapshot. */
  readonly turns: readonly Turn[];
  /** Those before them, which `history` tells. */
  readonly olderTurns: readonly Turn[];
  readonly lastTurn: number;
  readonly inbox: readonly WaitingInput[];
  readonly producers: readonly ProducerMark[];
  readonly commands: readonly RememberedAnswer[];
  readonly deadLetters: DeadLetters;
  /** The session log missed a frame and has not been repaired. */
  readonly unrepaired: boolean;
}

/** Encoded size that a `ContinuedSession`, or a Query's answer, must stay below: Temporal's limit for one payload is 2 MiB. */
export const PAYLOAD_BYTES = 1_900_000;

/**
 * The beginning of a session whose name had an earlier session, which an operator ended: all that the earlier one knew, in a new
 * epoch. Undefined if it left nothing that this code can read.
 */
export function inheritedSession({ left, cut }: Legacy, epoch: number): ContinuedSession | undefined {
  if (!isContinuedSession(left)) return undefined;
  const turns = left.turns.map((turn) => (turn.turn === cut?.turn ? withHeldStep(turn, cut.held) : turn));
  // The log is still the other's, or nobody's.
  return { ...left, turns, epoch, unrepaired: true };
}

/** Adds the step under way, which readers hold: the workflow that was ended knew only of steps that had ended. */
function withHeldStep(turn: Turn, held: HeldStep | undefined): Turn {
  if (held?.step !== turn.steps.length + 1) return turn;
  const { step, attempt, parts } = held;
  return { ...turn, steps: [...turn.steps, { step, attempt, parts }] };
}

/** Only this code makes one, and tells by `format` which it is. */
function isContinuedSession(value: unknown): value is ContinuedSession {
  return typeof value === "object" && value !== null && "format" in value && value.format === 1;
}
