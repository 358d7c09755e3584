/**
 * Rounds of loops that an agent's code may take from one of its waits for a reply to the next. Far more than code that decides
 * what to ask next has use for; a loop that does nothing takes them in some hundredths of a second.
 */
const MOST_ROUNDS = 2_000_000;

export class EndlessLoopError extends Error {
  override name = "EndlessLoopError";

  constructor() {
    super(`A loop has taken more than ${MOST_ROUNDS} rounds without a reply between them: it would never have ended.`);
  }
}

let left = MOST_ROUNDS;

/** An agent's code is given control: it may take all the rounds. */
export function guardLoops(): void {
  left = MOST_ROUNDS;
}

/**
 * The bundler puts a call of it into every round of every loop in an agent's code. It counts, and times nothing: a replay ends
 * a loop where it was ended before. `weight`: rounds it counts for.
 */
export function holdfastRound(weight = 1): void {
  left -= weight;
  if (left < 0) throw new EndlessLoopError();
}
