/** Milliseconds of a monotonic clock, and how to wait on it; a test puts its own in their place. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

export type Arrivals = "poisson" | "even";

/**
 * When each arrival of an open loop is due, in milliseconds from its start, without end. The times depend on nothing
 * that happens later: a slow system does not slow its load.
 */
export function* arrivalTimes(perSecond: number, arrivals: Arrivals, random: () => number): Generator<number, never> {
  const mean = 1_000 / perSecond;
  for (let due = 0; ;) {
    due += arrivals === "even" ? mean : -Math.log(1 - random()) * mean;
    yield due;
  }
}

/** A small seeded generator (mulberry32), so that two runs have the same arrivals. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Calls `issue` for each arrival due before `durationMs`, with the time it was due. What is overdue is issued at once,
 * still under its own time, so latency measured from there includes the wait (no coordinated omission).
 */
export async function paceOpenLoop(
  times: Iterator<number, never>,
  durationMs: number,
  issue: (intendedAt: number) => void,
  clock: Clock = realClock,
): Promise<void> {
  const startedAt = clock.now();
  for (let due = times.next().value; due < durationMs; due = times.next().value) {
    const intendedAt = startedAt + due;
    const early = intendedAt - clock.now();
    if (early > 0) await clock.sleep(early);
    issue(intendedAt);
  }
  const rest = startedAt + durationMs - clock.now();
  if (rest > 0) await clock.sleep(rest);
}
