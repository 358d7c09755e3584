import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@holdfast/service/log";
import { ageWarning, checkTemporal, type TemporalProblem } from "@holdfast/service/temporal-check";
import { type TemporalClientOptions, temporalConnectionOptions } from "@holdfast/service/temporal";
import { NativeConnection } from "@temporalio/worker";

/** Milliseconds between tries, before jitter. */
const PAUSE_MS = 1_000;

/** Connects to Temporal, waiting for it as long as it takes; undefined when `signal` ends the wait. */
export async function untilConnected(
  config: TemporalClientOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<NativeConnection | undefined> {
  let told = "";
  const tell = (problem: TemporalProblem): void => {
    if (problem.message === told) return;
    told = problem.message;
    if (problem.kind === "away") log.warn(`${problem.message} Waiting for it.`);
    else log.error(problem.message);
  };
  while (!signal.aborted) {
    // The SDK's own connection tells of a wrong key or a missing namespace in words for its developers, and some only later.
    const { problem, version } = await checkTemporal(config);
    if (problem !== undefined) tell(problem);
    else {
      try {
        const connection = await NativeConnection.connect(temporalConnectionOptions(config));
        if (told !== "") log.info("Temporal is there");
        const old = ageWarning(version);
        if (old !== undefined) log.warn(old);
        return connection;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        tell({
          kind: "away",
          message: `Temporal at ${config.HOLDFAST_TEMPORAL_ADDRESS} answers but takes no worker (${why}).`,
        });
      }
    }
    await delay(PAUSE_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
