import type { Logger } from "@holdfast/service/log";
import type { Worker } from "@temporalio/worker";

/**
 * Runs workers that were just made until `stopping` shuts them down. One that is not done within its grace is cut off; that is
 * no failure: with Temporal away it can hand in nothing, and what it was at is begun again by another. Rejects when a worker
 * ends by an error before it was asked to.
 */
export async function runWorkers(workers: readonly Worker[], log: Logger, stopping: AbortSignal): Promise<void> {
  const ended = workers.map((worker) => worker.run().catch(unlessStopping));
  const shutDown = (): void => {
    for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
  };
  // One that does not run yet cannot be shut down, so this comes after the start even where the end came before.
  stopping.addEventListener("abort", shutDown, { once: true });
  if (stopping.aborted) shutDown();
  await Promise.all(ended);

  function unlessStopping(error: unknown): void {
    if (!stopping.aborted) throw error;
    log.warn({ err: error }, "a worker was cut off at the end of its grace; others take over what it was at");
  }
}
