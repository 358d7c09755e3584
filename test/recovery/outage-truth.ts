import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import type { TemporalClient } from "../conformance/temporal.ts";

const BOUND_MS = 30_000;
const PAUSE_MS = 50;

/**
 * What the session's workflow says of it. A workflow has room for few Queries while it is busy, so it is asked again until it
 * answers; rejects when it does not within the bound.
 */
export async function truthOf(temporal: TemporalClient, key: SessionKey): Promise<SessionState> {
  for (const until = performance.now() + BOUND_MS; ;) {
    try {
      return await temporal.workflow.getHandle(workflowIdOf(key)).query<SessionState>(QUERY_SNAPSHOT);
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** One fact of each of the sessions, by their paths. */
export async function factsOf(
  temporal: TemporalClient,
  keys: readonly SessionKey[],
  pick: (truth: SessionState) => number,
): Promise<Map<string, number>> {
  const byPath = new Map(keys.map((key) => [sessionPath(key), key]));
  const facts = [...byPath].map(async ([path, key]) => [path, pick(await truthOf(temporal, key))] as const);
  return new Map(await Promise.all(facts));
}
