import { randomFrom } from "../kit/statistics.ts";

/**
 * Where a run takes place: the stack as it ships on one Valkey, or on one that fails over, or is switched by hand, or a build
 * whose bounds are so small that a run reaches them, or one whose clocks are wrong.
 */
export const FIXTURES = ["standalone", "small-bounds", "wrong-clocks", "switched", "sentinel", "cluster"] as const;
export type FixtureKind = (typeof FIXTURES)[number];

/** What is done to a process, a link, or by the clients. What is held for a while is so for the strike's `holdMs`. */
export const FAULTS = {
  "edge-kill": "standalone",
  "edge-pause": "standalone",
  "edge-drain": "standalone",
  /** Every connection to one edge ends; clients come back. */
  "link-cut": "standalone",
  /** One edge cannot be reached: its clients move to another. */
  "link-unplugged": "standalone",
  /** Half-open TCP: nothing passes and nobody is ever told. New connections pass when the hold is over. */
  "link-half-open": "standalone",
  "orchestrator-kill": "standalone",
  "orchestrator-pause": "standalone",
  "orchestrator-drain": "standalone",
  "inference-kill": "standalone",
  "inference-pause": "standalone",
  "inference-drain": "standalone",
  "valkey-kill": "standalone",
  /** Its data is gone. */
  "valkey-kill-flush": "standalone",
  "valkey-pause": "standalone",
  "valkey-drain": "standalone",
  /** It answers reads and refuses writes, for one of several reasons. */
  "writes-refused": "standalone",
  /** Some of a session's keys are gone, or hold what nobody wrote, in mid-turn and between turns. */
  "keys-lost": "standalone",
  "temporal-kill": "standalone",
  "temporal-pause": "standalone",
  "temporal-drain": "standalone",
  /** Its database takes no write, while the server itself is there: another process holds the file locked. */
  "temporal-db-locked": "standalone",
  "temporal-db-locked-long": "standalone",
  "model-cut": "standalone",
  "model-429": "standalone",
  "model-stall": "standalone",
  /** Every process is drained and replaced, one after the other. */
  deploy: "standalone",
  /** One tab of each session hears nothing, while its log is trimmed of all it knew. */
  "tab-asleep": "small-bounds",
  /** More signals than a run may take: it must continue as new while they keep coming. */
  "signal-flood": "small-bounds",
  /** Processes and Valkey disagree about the time, and change their minds. */
  "clock-step": "wrong-clocks",
  /** The primary is made a replica under its clients' connections, and back; or another takes its place behind its address. */
  "role-change": "switched",
  /** The primary is killed when its replicas miss what it acknowledged. */
  "sentinel-failover": "sentinel",
  /** The primary hangs, is replaced, and wakes as a primary that nobody wants. */
  "sentinel-hang": "sentinel",
  /** One of three masters is killed; its replica takes over. */
  "cluster-failover": "cluster",
} as const satisfies Record<string, FixtureKind>;

export type Fault = keyof typeof FAULTS;

/**
 * Milliseconds beyond what any fault is held, for those that prove nothing when they are short: a dead peer has to be found
 * out by the pings of the fixture before it is back, a log has to move on by more than it keeps, and a database that stays away
 * has to outlast the time-outs of tasks, of heartbeats, and of the server's own wait for it.
 */
export const HELD_LONGER_MS: Partial<Record<Fault, number>> = {
  "edge-pause": 4_000,
  "link-half-open": 4_000,
  "temporal-db-locked-long": 15_000,
  "tab-asleep": 3_000,
};

export const FAULT_NAMES: readonly Fault[] = Object.keys(FAULTS).filter(isFault);

export function isFault(name: string): name is Fault {
  return name in FAULTS;
}

/** Where a set of faults can be had together: beside the fixture of one that needs its own, those of the stack as it ships. */
export function fixtureOf(faults: readonly Fault[]): FixtureKind {
  const kinds = new Set(faults.map((fault) => FAULTS[fault]).filter((kind) => kind !== "standalone"));
  const [kind = "standalone", ...others] = kinds;
  if (others.length > 0) throw new Error(`No one fixture has ${[kind, ...others].join(" and ")}.`);
  return kind;
}

export interface Strike {
  /** Milliseconds since the clients began. */
  atMs: number;
  fault: Fault;
  /** How long what is held stays so. */
  holdMs: number;
  /** Picks among several targets: 0 ≤ pick < 1. */
  pick: number;
}

/** A strike as its target meets it. */
export interface Aim extends Pick<Strike, "holdMs" | "pick"> {
  /** Called when the blow falls. */
  onBlow: () => void;
}

/**
 * The strikes of one run: the same seed, length and faults always give the same schedule. The first comes when streams are
 * under way; gaps between them are 1.5–5 s, so that some strike while the last one is still being mended. No fault comes a
 * second time before each has come once.
 */
export function scheduleOf(seed: number, durationMs: number, faults: readonly Fault[]): Strike[] {
  const random = randomFrom(seed);
  const strikes: Strike[] = [];
  let left: Fault[] = [];
  for (let atMs = 800 + random() * 1_200; atMs < durationMs; atMs += 1_500 + random() * 3_500) {
    if (left.length === 0) left = [...faults];
    const [fault] = left.splice(Math.floor(random() * left.length), 1);
    if (fault === undefined) break;
    const holdMs = Math.round(500 + random() * 3_500 + (HELD_LONGER_MS[fault] ?? 0));
    strikes.push({ atMs: Math.round(atMs), fault, holdMs, pick: random() });
  }
  return strikes;
}
