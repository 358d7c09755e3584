import { setTimeout as sleep } from "node:timers/promises";

/** A bound on hangs, not a measure of speed. */
const BOUND_MS = 60_000;
const POLL_MS = 20;

/** Holds a run against what SPEC.md promises, and writes down what did not hold, by rule. */
export class Promises {
  readonly broken: string[] = [];

  holds(rule: string, holds: boolean): void {
    if (!holds) this.broken.push(rule);
  }

  /**
   * Waits until it holds; a check that rejects does not yet. Returns the milliseconds that took; after the bound the rule is
   * broken.
   */
  async soon(rule: string, holds: () => boolean | Promise<boolean>, withinMs = BOUND_MS): Promise<number> {
    const began = performance.now();
    const taken = (): number => performance.now() - began;
    for (; taken() < withinMs; await sleep(POLL_MS)) if (await met(holds)) return taken();
    this.broken.push(`${rule} (waited ${withinMs} ms)`);
    return taken();
  }
}

async function met(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await holds();
  } catch {
    return false;
  }
}
