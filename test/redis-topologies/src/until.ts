const EVERY_MS = 50;

/** Waits for a condition; what it throws counts as not yet. Rejects with `what` when time is up. */
export async function until(what: string, condition: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (let reason = ""; ;) {
    try {
      if (await condition()) return;
    } catch (error) {
      reason = error instanceof Error ? ` (${error.message})` : "";
    }
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs / 1_000} s: ${what}${reason}.`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
