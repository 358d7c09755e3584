import type { Logger } from "@holdfast/service/log";
import { LogFollower, LogReach, SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import type { Backlogs } from "../send/backlog.ts";
import { Feeds } from "./feeds.ts";
import type { EdgeMetrics } from "../operate/metrics.ts";
import { type EdgeConnections, LogWatch } from "./log-watch.ts";
import type { ReaderDeps } from "./reader.ts";
import { Snapshots } from "./snapshots.ts";

export interface ReadingOptions {
  HOLDFAST_SNAPSHOT_QUERIES: number;
  HOLDFAST_LOG_BYTES: number;
}

export interface ReadingDeps {
  readonly redis: EdgeConnections;
  readonly temporal: Client;
  readonly metrics: EdgeMetrics;
  readonly log: Logger;
  /** Counts the inputs that wait for turns. */
  readonly backlogs: Pick<Backlogs, "apply" | "isAwaited" | "forget">;
  /** Some session's log went out of reach, or came back. */
  readonly onStatus: () => void;
}

/** The way from the session log to readers. */
export interface Reading {
  readonly feeds: Feeds;
  readonly snapshots: Snapshots;
  readonly watch: LogWatch;
  readonly follower: LogFollower;
  readonly readerDeps: ReaderDeps;
}

/** Pages of session logs in memory at once. */
const MAX_PAGES = 32;

export function createReading(options: ReadingOptions, deps: ReadingDeps): Reading {
  const { redis, temporal, metrics, log, backlogs, onStatus } = deps;
  const sessionLog = new SessionLog(redis.commands, { bytes: options.HOLDFAST_LOG_BYTES });
  const follower = new LogFollower(redis.subscriber, (error) => log.warn({ err: error }, "a frame was not understood"));
  const snapshots = new Snapshots(sessionLog, temporal, {
    maxQueries: options.HOLDFAST_SNAPSHOT_QUERIES,
    isDoubtful: () => watch.isDoubtful,
    metrics: metrics.snapshots,
  });
  // While Redis is away every read fails, and the watch has logged that.
  const onFailure = (session: string, error: unknown): void => {
    if (!watch.isDegraded) log.warn({ err: error, session }, "reading failed");
  };
  const onResync = (): void => metrics.resynced();
  const feeds = new Feeds({
    log: sessionLog,
    follower,
    snapshots,
    onApplied: (path, marks) => backlogs.apply(path, marks),
    isAwaited: (path) => backlogs.isAwaited(path),
    onClosed: (path) => backlogs.forget(path),
    onArrival: (frame) => metrics.arrived(frame),
    onResync,
    onFailure,
  });
  const watch = new LogWatch(new LogReach(redis.commands), redis, {
    onLost: onStatus,
    onBack: () => {
      onStatus();
      feeds.recover();
    },
  });
  follower.onInterrupted(() => feeds.recover());
  const readerDeps: ReaderDeps = {
    log: sessionLog,
    snapshots,
    pages: pLimit(MAX_PAGES),
    isAway: (key) => watch.isAway(key),
    onPause: () => metrics.paused(),
    onResume: () => metrics.resumed(),
    onResync,
    onFailure,
  };
  return { feeds, snapshots, watch, follower, readerDeps };
}
