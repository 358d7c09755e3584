import { setTimeout as delay } from "node:timers/promises";

/** Bound on a hang, not a measure of speed. */
const PATIENCE_MS = 60_000;

/** Repeats `attempt` until it does not throw; throws its last error when that never happens. */
export async function eventually<T>(attempt: () => Promise<T>, pauseMs = 30): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await delay(pauseMs);
  }
}
