import {
  LIMITS,
  wireError,
  workflowIdOf,
  type HistoryAck,
  type HistoryRequest,
  type SessionKey,
} from "@holdfast/contract";
import { QUERY_HISTORY, type HistoryPage, type HistoryQuery } from "@holdfast/internal";
import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import { spread } from "../pacing.ts";
import { classifyTemporalFailure } from "../temporal.ts";

/** Never rejects. */
export type ReadHistory = (key: SessionKey, request: HistoryRequest) => Promise<HistoryAck>;

const QUERY_DEADLINE_MS = 10_000;
/** Requests of this node that wait for their turn to ask; the others are told to come back. */
const MOST_WAITING = 256;

/**
 * SPEC history-1: a session's older turns, by a Query of its workflow. `maxQueries` are in flight at once: each costs a worker, at
 * worst a replay.
 */
export function createReadHistory(client: Client, maxQueries: number): ReadHistory {
  const limit = pLimit(maxQueries);
  return async (key, { before, limit: most = LIMITS.historyTurns }) => {
    if (limit.pendingCount >= MOST_WAITING) {
      return { ok: false, error: wireError("busy", "Too many ask for older turns.", { retryAfterMs: spread(1_000) }) };
    }
    try {
      const { turns, more } = await limit(() => queryHistory(client, key, { before, limit: most }));
      return { ok: true, turns, more };
    } catch (error) {
      // A session that nobody has sent anything to.
      if (classifyTemporalFailure(error) === "not_found") return { ok: true, turns: [], more: false };
      return {
        ok: false,
        error: wireError("unavailable", "The session did not answer in time.", { retryAfterMs: spread(1_000) }),
      };
    }
  };
}

function queryHistory(client: Client, key: SessionKey, query: HistoryQuery): Promise<HistoryPage> {
  return client.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
    client.workflow.getHandle(workflowIdOf(key)).query<HistoryPage, [HistoryQuery]>(QUERY_HISTORY, query),
  );
}
