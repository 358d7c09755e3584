import type { Logger } from "@holdfast/service/log";
import { LogFollower, LogReach, SessionLog } from "@holdfast/session-log";
import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import { Feeds } from "./feeds.ts";
import { type EdgeConnections, LogWatch } from "./log-watch.ts";
import type { EdgeMetrics } from "./metrics.ts";
import type { ReaderSurroundings } from "./reader.ts";
import { Snapshots } from "./snapshots.ts";

export interface ReadingSettings {
  HOLDFAST_SNAPSHOT_QUERIES: number;
  HOLDFAST_LOG_BYTES: number;
}

/** The way from the session log to readers. */
export interface Reading {
  readonly feeds: Feeds;
  readonly snapshots: Snapshots;
  readonly watch: LogWatch;
  readonly follower: LogFollower;
  readonly surroundings: ReaderSurroundings;
}

/** Pages of session logs in memory at once. */
const MAX_PAGES = 32;

/** `onStatus` hears that some session's log went out of reach, or came back. */
export function createReading(
  settings: ReadingSettings,
  redis: EdgeConnections,
  temporal: Client,
  metrics: EdgeMetrics,
  log: Logger,
  onStatus: () => void,
): Reading {
  const sessionLog = new SessionLog(redis.commands, { bytes: settings.HOLDFAST_LOG_BYTES });
  const follower = new LogFollower(redis.subscriber, (error) => log.warn({ err: error }, "a frame was not understood"));
  const snapshots = new Snapshots(sessionLog, temporal, {
    maxQueries: settings.HOLDFAST_SNAPSHOT_QUERIES,
    isDoubtful: () => watch.isDoubtful,
    probe: metrics.snapshots,
  });
  // While Redis is away everything fails, and its watch has said so.
  const onFailure = (session: string, error: unknown): void => {
    if (!watch.isDegraded) log.warn({ err: error, session }, "reading failed");
  };
  const onResync = (): void => metrics.resynced();
  const feeds = new Feeds(
    { log: sessionLog, follower, onLag: (frame) => metrics.arrived(frame), onResync },
    snapshots,
    onFailure,
  );
  const watch = new LogWatch(new LogReach(redis.commands), redis, {
    onLost: onStatus,
    onBack: () => {
      onStatus();
      feeds.recover();
    },
  });
  follower.onInterrupted(() => feeds.recover());
  const surroundings: ReaderSurroundings = {
    log: sessionLog,
    snapshots,
    pages: pLimit(MAX_PAGES),
    isAway: (key) => watch.isAway(key),
    onPause: () => metrics.paused(),
    onResume: () => metrics.resumed(),
    onResync,
    onFailure,
  };
  return { feeds, snapshots, watch, follower, surroundings };
}
