import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@holdfast/service/log";
import { type TemporalSettings, temporalConnectionOptions } from "@holdfast/service/temporal";
import { NativeConnection } from "@temporalio/worker";

/** Milliseconds between tries, before jitter. */
const PAUSE_MS = 1_000;

/** Connects to Temporal, waiting for it as long as it takes; undefined when `signal` ends the wait. */
export async function untilConnected(
  config: TemporalSettings,
  log: Logger,
  signal: AbortSignal,
): Promise<NativeConnection | undefined> {
  for (let tried = 1; !signal.aborted; tried++) {
    try {
      const connection = await NativeConnection.connect(temporalConnectionOptions(config));
      if (tried > 1) log.info("Temporal is there");
      return connection;
    } catch (error) {
      const address = config.HOLDFAST_TEMPORAL_ADDRESS;
      if (tried === 1) log.warn({ err: error, address }, "Temporal is out of reach; waiting for it");
    }
    await delay(PAUSE_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
