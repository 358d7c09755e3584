import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import { type HeldStep, type Legacy, QUERY_LEGACY } from "@holdfast/internal";
import type { SessionLog, TurnRef } from "@holdfast/session-log";
import { cancellationSignal } from "@temporalio/activity";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { readHeldStep } from "./publish.ts";

/** Local activity of a session workflow that begins with nothing. */
export interface RecallActivities {
  /**
   * What the session that had this name before has left, null where there was none. Rejects while that cannot be found out.
   * `epoch`, `runId`: of the workflow that asks.
   */
  recall(key: SessionKey, epoch: number, runId: string): Promise<Legacy | null>;
}

export interface RecallDeps {
  log: Pick<SessionLog, "assertWritable" | "head" | "held" | "snapshot">;
  client: Client;
  /** A session was found to follow another. `found`: whether Temporal still had the other. */
  onRecalled?: (found: boolean) => void;
}

export function createRecall({ log, client, onRecalled }: RecallDeps): RecallActivities {
  return {
    async recall(key, epoch, runId) {
      if (await isNew(log, key, epoch)) return null;
      const signal = cancellationSignal();
      signal.throwIfAborted();
      const legacy = await client.withAbortSignal(signal, () => legacyOf(client, key, runId));
      onRecalled?.(legacy !== null);
      if (legacy?.cut === undefined) return legacy;
      const held = await heldOf(log, key, legacy.cut);
      return held === undefined ? legacy : { ...legacy, cut: { ...legacy.cut, held } };
    },
  };
}

/**
 * Whether this name is new, as far as the log can tell. The log is asked first because Temporal allows few searches a second, and
 * nearly every session that begins is new. A log goes away a day after its session fell silent, and an edge brings it back when a
 * client opens the session. So a conversation that a client shows has a log.
 */
async function isNew(log: RecallDeps["log"], key: SessionKey, epoch: number): Promise<boolean> {
  try {
    const head = await log.head(key);
    // One of this epoch: this workflow task was executed before.
    return head.cursor === "0" || head.epoch >= epoch;
  } catch {
    return false;
  }
}

async function legacyOf(client: Client, key: SessionKey, runId: string): Promise<Legacy | null> {
  const workflowId = workflowIdOf(key);
  let newest: { runId: string; startTime: Date } | undefined;
  // Names have no quotes (SPEC ids-1).
  for await (const run of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
    if (run.runId === runId || (newest !== undefined && run.startTime <= newest.startTime)) continue;
    newest = run;
  }
  if (newest === undefined) return null;
  try {
    return await client.workflow.getHandle(workflowId, newest.runId).query<Legacy>(QUERY_LEGACY);
  } catch (error) {
    // Gone between the two questions.
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** What readers hold of a turn that was cut short; the workflow that is no more knew of its finished steps only. */
async function heldOf(log: RecallDeps["log"], key: SessionKey, cut: TurnRef): Promise<HeldStep | undefined> {
  try {
    return await readHeldStep(log, key, cut);
  } catch {
    return undefined;
  }
}
