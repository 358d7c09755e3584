/** How much a measured level may grow, extrapolated to 1,000 connections made or 1,000 turns taken. */
export interface Bound {
  per: "connections" | "turns";
  most: number;
}

/** What a reading is of. */
export interface Measure {
  unit: "MB" | "KB" | "ms" | "";
  /**
   * How the samples of a window become one point. `least`: of memory, where whatever is above the least was about to be
   * freed. `middle`: of levels that go up and down with the load.
   */
  of: "least" | "middle";
  /** Left out: shown, and not judged. */
  bound?: Bound;
}

const perConnection = (most: number): Bound => ({ per: "connections", most });
const perTurn = (most: number): Bound => ({ per: "turns", most });
const level = (most: number): Measure => ({ unit: "", of: "middle", bound: perConnection(most) });

/**
 * The bounds are stated by what one leak would cost. Whatever keeps a connection, a reader, a feed or a turn keeps at least some
 * 500 bytes of it, and an entry of a map under a session's or a subject's name some 250: 0.25 MB in 1,000. A socket, a
 * subscription or a gauge that is not given back by one kind of departure in ten is 100 in 1,000.
 */
const HEAP = 0.25;
/**
 * What a process got from the system in its busiest moment it seldom gives back, so this climbs in steps for longer than a
 * warm-up. It is for what no heap shows: native code that keeps 8 KB of every connection.
 */
const RESIDENT = 8;
const HANDLES = 2;
const LEVEL = 10;

export const MEASURES = {
  "kept heap": { unit: "MB", of: "least", bound: perConnection(HEAP) },
  "kept heap, by turns": { unit: "MB", of: "least", bound: perTurn(HEAP) },
  "kept heap of threads, by turns": { unit: "MB", of: "least", bound: perTurn(HEAP) },
  "resident memory": { unit: "MB", of: "least", bound: perConnection(RESIDENT) },
  /** Temporal's development server keeps the histories of all runs of the last day in its memory. */
  "resident memory with data": { unit: "MB", of: "least" },
  handles: level(HANDLES),
  connections: level(LEVEL),
  feeds: level(LEVEL),
  subscriptions: level(LEVEL),
  queues: level(LEVEL),
  "waiting events": level(LEVEL),
  "waiting KB": { unit: "KB", of: "middle", bound: perConnection(LEVEL) },
  "outgoing KB": { unit: "KB", of: "middle", bound: perConnection(LEVEL) },
  "signals in flight": level(LEVEL),
  "paused readers": level(LEVEL),
  "model calls": level(LEVEL),
  "event loop lag, p99": { unit: "ms", of: "middle" },
  "memory beside sessions": { unit: "MB", of: "least", bound: perConnection(HEAP) },
  "memory of sessions": { unit: "MB", of: "middle" },
  keys: level(LEVEL),
  /** Of sessions somebody has looked at and nobody has said anything to: they expire, but only after most of a run. */
  "keys of empty sessions": { unit: "", of: "middle" },
  "keys beside sessions": level(10 * LEVEL),
  "keys that never expire": level(0),
  channels: level(LEVEL),
  clients: level(HANDLES),
  "open workflows": level(0),
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;
