/** What Temporal says of a run at the current workflow task; the same on replay. */
export interface RunFacts {
  /** Events in the run's history when this workflow task started. */
  readonly historyLength: number;
  readonly continueAsNewSuggested: boolean;
}

/**
 * A worker that does not have a session in memory replays its whole run, for half a millisecond of CPU an event, and has ten
 * seconds for it. One that takes over from another has all of them to replay, some side by side: were runs longer, none
 * would come through in time on a busy machine, and all would begin again.
 */
const HISTORY_EVENTS = 400;
/** Temporal's own hint does not count signals. */
const SIGNALS = 2_000;
/** Temporal refuses a run any more than these, whatever their names. */
const MOST_SIGNALS = 10_000;
/** Beyond these the run ends even if that means to carry fewer turns. */
const URGENT_HISTORY_EVENTS = 20_000;
const URGENT_SIGNALS = 3 * SIGNALS;
/** Most signals a quiet workflow task brings. A replayed one brings those that landed during the failed one, too. */
const QUIET_SIGNALS = 1;

/**
 * When a run ends and the session continues as a new one.
 *
 * A signal that lands while the continue-as-new task is under way makes the server refuse it, and the next task has to
 * replay the whole run first: long enough for the next signal to land, and so on until the signal limit. So a run ends
 * only in a quiet task, which a replaying one under a flood is not, and the edges' pacing leaves quiet ones. Or it ends with
 * the last signals Temporal lets it have: no other lands meanwhile, and none would bring a quiet task either. This is the
 * one place that looks at how many signals a task brought; it moves the moment a run ends, and nothing a session does
 * depends on that moment.
 */
export class Governor {
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
  due(run: RunFacts): boolean {
    return run.continueAsNewSuggested || run.historyLength >= HISTORY_EVENTS || this.#signals >= SIGNALS;
  }

  /** The run must end soon, whatever it costs. */
  urgent(run: RunFacts): boolean {
    return run.historyLength >= URGENT_HISTORY_EVENTS || this.#signals >= URGENT_SIGNALS;
  }

  /** This workflow task is likely to complete before the next signal lands. */
  quiet(run: RunFacts): boolean {
    if (this.#task !== run.historyLength || this.#signalsInTask <= QUIET_SIGNALS) return true;
    return this.#signals + this.#ignored >= MOST_SIGNALS;
  }
}
