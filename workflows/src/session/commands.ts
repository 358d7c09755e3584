import type { Json } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";

export interface RememberedAnswer {
  readonly id: string;
  readonly answer: Json;
}

/**
 * SPEC command-1: the answers of the last LIMITS.commands commands. Temporal dedupes Updates by id within one run only
 * and would execute a repeat again after continue-as-new; these are carried over.
 */
export class Commands {
  readonly #answers: Map<string, Json>;

  constructor(answers: readonly RememberedAnswer[] = []) {
    this.#answers = new Map(answers.map(({ id, answer }) => [id, answer]));
  }

  /** Undefined for a command that was not answered yet, or so long ago that it is forgotten. */
  answer(id: string): Json | undefined {
    return this.#answers.get(id);
  }

  remember(id: string, answer: Json): void {
    this.#answers.set(id, answer);
    if (this.#answers.size <= LIMITS.commands) return;
    const oldest = this.#answers.keys().next();
    if (!oldest.done) this.#answers.delete(oldest.value);
  }

  toCarry(): RememberedAnswer[] {
    return [...this.#answers].map(([id, answer]) => ({ id, answer }));
  }
}
