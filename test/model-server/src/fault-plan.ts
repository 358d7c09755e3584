import type { Fault, Script } from "./script.ts";

const KEPT = 10_000;

/**
 * Gives each call of a plan its fault. Calls belong to the same plan when they carry the same directives and the same last user
 * message, so a retried call goes on in its plan and other calls do not disturb it.
 */
export class FaultPlans {
  readonly #callsSoFar = new Map<string, number>();

  next(plan: string, script: Script): Fault | undefined {
    if (script.faults.length === 0) return undefined;
    let call = this.#callsSoFar.get(plan) ?? 0;
    this.#callsSoFar.set(plan, call + 1);
    if (this.#callsSoFar.size > KEPT) this.#forgetOldest();
    for (const { fault, times } of script.faults) {
      if (call < times) return fault;
      call -= times;
    }
    return undefined;
  }

  clear(): void {
    this.#callsSoFar.clear();
  }

  #forgetOldest(): void {
    const [oldest] = this.#callsSoFar.keys();
    if (oldest !== undefined) this.#callsSoFar.delete(oldest);
  }
}
