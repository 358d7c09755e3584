import { setTimeout as delay } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import type { SessionState } from "@holdfast/internal";
import type { SessionLog } from "@holdfast/session-log";
import { ApplicationFailure, cancellationSignal, heartbeat } from "@temporalio/activity";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { querySessionState } from "./session-state.ts";

/** Activity of the session workflow, retried until it succeeds. */
export interface RepairActivities {
  /** Brings a session's log up to the workflow's state after it missed a frame. Waits for Redis to come back. */
  repair(key: SessionKey): Promise<void>;
}

/**
 * `stored`: the log has the workflow's state. `older`: a later commit was there already, and with the frame before it
 * missing it sends readers to a snapshot. `gone`: the session's workflow is, and there is nothing to be faithful to.
 */
export type RepairOutcome = "stored" | "older" | "gone";

export interface RepairDeps {
  log: SessionLog;
  client: Client;
  onRepaired?: (outcome: RepairOutcome) => void;
}

/** Milliseconds one attempt waits for Redis; below the activity's start-to-close timeout (2 min). */
const PATIENCE_MS = 60_000;
/** Milliseconds between tries to write, before jitter: all sessions of an outage wait at the same time. */
const LONGEST_PAUSE_MS = 2_000;

export function createRepair({ log, client, onRepaired }: RepairDeps): RepairActivities {
  return {
    async repair(key) {
      await untilWritable(log, key);
      const state = await stateOf(client, key);
      const outcome = state === undefined ? "gone" : await put(log, key, state);
      onRepaired?.(outcome);
    },
  };
}

async function put(log: SessionLog, key: SessionKey, state: SessionState): Promise<"stored" | "older"> {
  try {
    return await log.putSnapshot(key, state);
  } catch (error) {
    throw retry("Redis went away again", error);
  }
}

/** A Redis that answers reads may still refuse writes, for long; the workflow is not asked before there is somebody to tell. */
async function untilWritable(log: SessionLog, key: SessionKey): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let pause = 100; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      await log.assertWritable(key);
      return;
    } catch (error) {
      if (performance.now() > end) throw retry("Redis takes no writes", error);
    }
    heartbeat();
    await delay(pause * (0.5 + Math.random()), undefined, { signal: cancellationSignal() });
  }
}

/** Undefined for a session whose workflow is gone. */
async function stateOf(client: Client, key: SessionKey): Promise<SessionState | undefined> {
  try {
    return await querySessionState(client, key);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw retry("the workflow did not answer", error);
  }
}

/** With a delay of its own: Temporal's retry policy has no jitter. */
function retry(why: string, error: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Repair waits: ${why}.`,
    type: "repair_waits",
    nextRetryDelay: Math.round(1_000 + Math.random() * 2_000),
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
