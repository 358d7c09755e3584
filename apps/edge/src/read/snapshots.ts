import { emptySnapshot, sessionPath, type Cursor, type SessionKey } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState, type SnapshotText } from "@holdfast/internal";
import type { Head, SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import { querySession } from "../temporal.ts";

/** A whole session and the place in its log that follows it. */
export interface PlacedSnapshot {
  readonly snapshot: SnapshotText;
  readonly cursor: Cursor;
}

/** Undefined: of a session that does not exist yet. */
interface Loaded {
  readonly snapshot: SnapshotText | undefined;
  readonly cursor: Cursor;
}

export type SnapshotSource = "cache" | "query" | "none";

export interface SnapshotMetrics {
  served(source: SnapshotSource): void;
  /** `atOnce`: Queries in flight, this one included. */
  queried(atOnce: number): void;
}

export interface SnapshotsOptions {
  /** Queries in flight for readers, and as many for checks. */
  readonly maxQueries: number;
  /** Writes were refused a moment ago, so logs may be old although they lost nothing. */
  readonly isDoubtful: () => boolean;
  readonly metrics: SnapshotMetrics;
}

/** The cache may be cold again right after it was filled, because the session goes on. After so many rounds the caller has to wait. */
const MAX_ROUNDS = 3;
/** How many cached snapshots are read at once. It bounds their memory: one may take most of a mebibyte. */
const MAX_CACHE_READS = 32;

/**
 * Snapshots from the log's cache or, where that is cold or not verified since Redis may have lost something, from the
 * workflow itself. One read in flight per session, a bounded number of Queries per node: a Query costs a worker, at worst a
 * replay. What one node has verified the others need not ask for again.
 */
export class Snapshots {
  readonly #log: SessionLog;
  readonly #temporal: Client;
  readonly #metrics: SnapshotMetrics;
  readonly #isDoubtful: () => boolean;
  readonly #reads = new Map<string, Promise<Loaded>>();
  readonly #fromCache = pLimit(MAX_CACHE_READS);
  readonly #forReaders;
  readonly #forChecks;
  #queries = 0;

  constructor(log: SessionLog, temporal: Client, { maxQueries, isDoubtful, metrics }: SnapshotsOptions) {
    this.#log = log;
    this.#temporal = temporal;
    this.#isDoubtful = isDoubtful;
    this.#metrics = metrics;
    this.#forReaders = pLimit(maxQueries);
    this.#forChecks = pLimit(maxQueries);
  }

  /** `agent`: of a session that does not exist yet. Rejects while Redis, or Temporal where it is needed, is away. */
  async read(key: SessionKey, agent: string): Promise<PlacedSnapshot> {
    const path = sessionPath(key);
    let read = this.#reads.get(path);
    if (read === undefined) {
      read = this.#load(key).finally(() => this.#reads.delete(path));
      this.#reads.set(path, read);
    }
    const { snapshot, cursor } = await read;
    // Readers that share this load may each name another agent, if the session does not exist yet.
    return { snapshot: snapshot ?? emptyText(agent), cursor };
  }

  /**
   * Compares the log with the workflow, unless that has been done since Redis may have lost something, and repairs it:
   * readers then find a `resync` in it. Rejects like `read`.
   */
  async verify(key: SessionKey): Promise<void> {
    const path = sessionPath(key);
    while (!(await this.#log.verification(key)).verified) {
      const read = this.#reads.get(path);
      // A reader's snapshot verifies the log as well.
      if (read !== undefined) await read;
      else if (await this.#forChecks(() => this.#compareUnlessRead(key, path))) return;
    }
  }

  /** As `verify`, but also if the log is verified: it may lack frames whose writes were refused. */
  async compare(key: SessionKey): Promise<void> {
    await this.#forChecks(async () => this.#compare(key, (await this.#log.verification(key)).replicationId));
  }

  /** False if a reader asks for the snapshot by now, which compares as well. */
  async #compareUnlessRead(key: SessionKey, path: string): Promise<boolean> {
    if (this.#reads.has(path)) return false;
    const { replicationId, verified } = await this.#log.verification(key);
    if (!verified) await this.#compare(key, replicationId);
    return true;
  }

  async #compare(key: SessionKey, replicationId: string): Promise<void> {
    const current = await this.#query(key);
    const head = await this.#log.head(key);
    // A log without a workflow is neither repaired nor verified.
    if (current === undefined && head.cursor !== "0") return;
    if (current !== undefined && (head.cold || isBehind(head, current))) await this.#log.putSnapshot(key, current);
    await this.#log.markVerified(key, replicationId);
  }

  async #load(key: SessionKey): Promise<Loaded> {
    const isDoubtful = this.#isDoubtful();
    let told: SessionState | undefined;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const {
        replicationId,
        verified: isVerified,
        ...cached
      } = await this.#fromCache(() => this.#log.snapshotText(key));
      const verified = isVerified && !isDoubtful;
      // The workflow was asked just now, so the cache need not be verified. It never is if Redis does not tell its replication id.
      if (cached.outcome === "snapshot" && (verified || holds(cached, told))) {
        this.#metrics.served(told === undefined ? "cache" : "query");
        return cached;
      }
      const isEmpty = cached.cursor === "0";
      const current = verified && isEmpty ? undefined : await this.#forReaders(() => this.#query(key));
      if (current === undefined) {
        if (isEmpty && !verified) await this.#log.markVerified(key, replicationId);
        this.#metrics.served("none");
        return { snapshot: undefined, cursor: cached.cursor };
      }
      told = current;
      await this.#log.putSnapshot(key, current);
      await this.#log.markVerified(key, replicationId);
    }
    throw new Error(`The snapshot cache of ${sessionPath(key)} does not settle.`);
  }

  /** Undefined: no such workflow, which is a session at version 0. */
  async #query(key: SessionKey): Promise<SessionState | undefined> {
    this.#metrics.queried(++this.#queries);
    try {
      return await querySession<SessionState>(this.#temporal, key, QUERY_SNAPSHOT);
    } finally {
      this.#queries--;
    }
  }
}

function emptyText(agent: string): SnapshotText {
  const snapshot = emptySnapshot(agent);
  return { json: JSON.stringify(snapshot), version: snapshot.version, applied: snapshot.applied, running: null };
}

function holds(cached: { epoch: number; snapshot: SnapshotText }, told: SessionState | undefined): boolean {
  const { epoch, snapshot } = cached;
  return told !== undefined && !isBehind({ epoch, version: snapshot.version }, told);
}

/** A later epoch is ahead of every version of an earlier one. */
function isBehind(head: Pick<Head, "epoch" | "version">, truth: SessionState): boolean {
  if (head.epoch !== truth.epoch) return head.epoch < truth.epoch;
  return head.version < truth.snapshot.version;
}
