import {
  emptySnapshot,
  QUERY_SNAPSHOT,
  sessionPath,
  workflowIdOf,
  type Cursor,
  type SessionKey,
  type SessionTruth,
  type Snapshot,
} from "@holdfast/contract";
import type { Head, SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { classifyTemporalFailure } from "./temporal-failure.ts";

/** A whole session and the place in its log that follows it. */
export interface PlacedSnapshot {
  readonly snapshot: Snapshot;
  readonly cursor: Cursor;
}

export type SnapshotSource = "cache" | "query" | "none";

export interface SnapshotProbe {
  served(source: SnapshotSource): void;
  queried(): void;
}

const QUERY_DEADLINE_MS = 10_000;
/** A cache that is cold again right after it was filled is being written to; after so many rounds the caller waits. */
const MAX_ROUNDS = 3;
const MAX_TRUSTED = 200_000;

/**
 * Snapshots from the log's cache or, where that is cold or cannot be trusted, from the workflow itself. One read in
 * flight per session, a bounded number of Queries per node: a Query costs a worker, at worst a replay.
 */
export class Snapshots {
  readonly #log: SessionLog;
  readonly #temporal: Client;
  readonly #probe: SnapshotProbe;
  readonly #reads = new Map<string, Promise<PlacedSnapshot>>();
  readonly #forReaders;
  readonly #forChecks;
  /** Undefined: Redis was never interrupted while this node watched, and its cache is exact. */
  #trusted: LRUCache<string, true> | undefined;

  constructor(log: SessionLog, temporal: Client, maxQueries: number, probe: SnapshotProbe) {
    this.#log = log;
    this.#temporal = temporal;
    this.#probe = probe;
    this.#forReaders = pLimit(maxQueries);
    this.#forChecks = pLimit(maxQueries);
  }

  /** Redis may have lost writes it had acknowledged (a failover, a restart): each session is to be verified once. */
  distrust(): void {
    this.#trusted = new LRUCache({ max: MAX_TRUSTED });
  }

  isTrusted(key: SessionKey): boolean {
    return this.#trusted === undefined || this.#trusted.has(sessionPath(key));
  }

  /** `agent`: of a session that does not exist yet. Rejects while Redis, or Temporal where it is needed, is away. */
  async read(key: SessionKey, agent: string): Promise<PlacedSnapshot> {
    const path = sessionPath(key);
    let read = this.#reads.get(path);
    if (read === undefined) {
      read = this.#load(key, agent).finally(() => this.#reads.delete(path));
      this.#reads.set(path, read);
    }
    return await read;
  }

  /**
   * Compares the log with the workflow, and repairs it where it lost something: readers then find a `resync` in it.
   * Rejects like `read`.
   */
  async verify(key: SessionKey): Promise<void> {
    const trusted = this.#trusted;
    const current = await this.#forChecks(() => this.#query(key));
    if (current !== undefined) {
      const head = await this.#log.head(key);
      if (head.cold || isBehind(head, current)) await this.#log.putSnapshot(key, current);
    }
    trusted?.set(sessionPath(key), true);
  }

  async #load(key: SessionKey, agent: string): Promise<PlacedSnapshot> {
    let source: SnapshotSource = "cache";
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const trusted = this.#trusted;
      const cached = await this.#log.snapshot(key);
      if (cached.outcome === "snapshot" && this.isTrusted(key)) {
        this.#probe.served(source);
        return cached;
      }
      const current = await this.#forReaders(() => this.#query(key));
      if (current === undefined) {
        this.#probe.served("none");
        return { snapshot: emptySnapshot(agent), cursor: cached.cursor };
      }
      source = "query";
      await this.#log.putSnapshot(key, current);
      trusted?.set(sessionPath(key), true);
    }
    throw new Error(`The snapshot cache of ${sessionPath(key)} does not settle.`);
  }

  /** Undefined: no such workflow, which is a session at version 0. */
  async #query(key: SessionKey): Promise<SessionTruth | undefined> {
    this.#probe.queried();
    try {
      return await this.#temporal.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
        this.#temporal.workflow.getHandle(workflowIdOf(key)).query<SessionTruth>(QUERY_SNAPSHOT),
      );
    } catch (error) {
      if (classifyTemporalFailure(error) === "not_found") return undefined;
      throw error;
    }
  }
}

/** A session that began again is ahead of whatever the one before it wrote. */
function isBehind(head: Head, truth: SessionTruth): boolean {
  if (head.incarnation !== truth.incarnation) return head.incarnation < truth.incarnation;
  return head.version < truth.snapshot.version;
}
