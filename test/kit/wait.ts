import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/**
 * Polls until `done`; a check that rejects is not done yet. Resolves to the milliseconds that took, rejects after
 * `withinMs` with what was waited for: a bound on a hang, not on speed.
 */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  withinMs = 60_000,
  pollMs = POLL_MS,
): Promise<number> {
  const began = performance.now();
  for (let failure: unknown; ; await sleep(pollMs)) {
    try {
      if (await done()) return performance.now() - began;
    } catch (error) {
      failure = error;
    }
    if (performance.now() - began > withinMs)
      throw new Error(`Waited ${withinMs} ms in vain: ${what}.`, { cause: failure });
  }
}

/**
 * Looks whether it is so now, and whenever `listen` calls back, instead of polling. `listen` gives what ends it. Without a
 * bound it may wait for ever.
 */
export async function untilTold(
  isSo: () => boolean,
  listen: (look: () => void) => () => void,
  late: () => Error,
  withinMs?: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    if (isSo()) resolve();
  };
  const timer = withinMs === undefined ? undefined : setTimeout(() => reject(late()), withinMs);
  const stop = listen(look);
  try {
    look();
    await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** Calls `act` again and again, with a pause between; what this gives ends it, and resolves when the last call is over. */
export function repeatedly(pauseMs: number, act: () => Promise<void>): () => Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const running = (async (): Promise<void> => {
    while (!signal.aborted) {
      await act();
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return () => {
    ending.abort();
    return running;
  };
}

/** Some at a time, in their order. */
export async function inLanes<T>(lanes: number, items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Holds a run against rules, and writes down by rule what did not hold. */
export class Rules {
  readonly broken: string[] = [];

  holds(rule: string, holds: boolean): void {
    if (!holds) this.broken.push(rule);
  }

  /** Waits until it holds; after the bound the rule is broken. Resolves to the milliseconds that took. */
  async soon(rule: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<number> {
    return until(rule, holds, withinMs).catch(() => {
      this.broken.push(`${rule} (waited ${withinMs} ms)`);
      return withinMs;
    });
  }
}
