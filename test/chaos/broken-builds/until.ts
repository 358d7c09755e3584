import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `done`; rejects after `withinMs`, saying what was waited for. A bound on a hang, not on speed. */
export async function until(what: string, done: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  for (const end = performance.now() + withinMs; !(await done()); await sleep(20)) {
    if (performance.now() > end) throw new Error(`Waited ${withinMs} ms in vain: ${what}.`);
  }
}
