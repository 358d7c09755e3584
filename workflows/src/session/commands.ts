import type { Json } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { crowdedOut, markOf } from "@holdfast/contract/marks";

export interface RememberedAnswer {
  /** Who gave the command, and the id it had. */
  readonly mark: string;
  readonly answer: Json;
}

/**
 * SPEC command-1: the answers of the last LIMITS.commands commands, each under the subject that gave it: nobody is answered with,
 * or loses to, another's. Temporal dedupes Updates by id within one run only and would execute a repeat again after
 * continue-as-new; these are carried over.
 */
export class Commands {
  readonly #answers: Map<string, Json>;

  constructor(answers: readonly RememberedAnswer[] = []) {
    this.#answers = new Map(answers.map(({ mark, answer }) => [mark, answer]));
  }

  /** Undefined for a command that was not answered yet, or so long ago that it is forgotten. */
  answer({ by, id }: { by: string; id: string }): Json | undefined {
    return this.#answers.get(markOf(by, id));
  }

  remember({ by, id }: { by: string; id: string }, answer: Json): void {
    this.#answers.set(markOf(by, id), answer);
    if (this.#answers.size <= LIMITS.commands) return;
    const forgotten = crowdedOut(this.#answers.keys());
    if (forgotten !== undefined) this.#answers.delete(forgotten);
  }

  toCarry(): RememberedAnswer[] {
    return [...this.#answers].map(([mark, answer]) => ({ mark, answer }));
  }
}
