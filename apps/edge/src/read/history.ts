import { LIMITS, wireError, type HistoryAck, type HistoryRequest, type SessionKey } from "@holdfast/contract";
import { QUERY_HISTORY, type HistoryPage, type HistoryQuery } from "@holdfast/internal";
import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import { spread } from "../pacing.ts";
import { querySession } from "../temporal.ts";

/** Never rejects. */
export type ReadHistory = (key: SessionKey, request: HistoryRequest) => Promise<HistoryAck>;

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
      const query: HistoryQuery = { before, limit: most };
      const page = await limit(() => querySession<HistoryPage, [HistoryQuery]>(client, key, QUERY_HISTORY, query));
      return { ok: true, turns: page?.turns ?? [], more: page?.more ?? false };
    } catch {
      return {
        ok: false,
        error: wireError("unavailable", "The session did not answer in time.", { retryAfterMs: spread(1_000) }),
      };
    }
  };
}
