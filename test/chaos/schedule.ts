import { type Fault, HELD_LONGER_MS } from "./faults.ts";

export interface Strike {
  /** Milliseconds since the clients began. */
  atMs: number;
  fault: Fault;
  /** How long what is held stays so. */
  holdMs: number;
  /** Picks among several targets: 0 ≤ pick < 1. */
  pick: number;
}

/** A blow that fell. */
export interface Blow {
  fault: string;
  /** How long what was held stayed so. */
  holdMs: number;
  /** When it fell, in milliseconds since the clients began: what was to be struck may have been away till then. */
  struckAtMs: number;
  /** Some reader held a turn under way. Nothing much is proved by a blow that falls into silence. */
  midStream: boolean;
}

/** A strike that was carried out. */
export type Struck = Strike & Blow;

/** Mulberry32: small, seeded, the same on every machine. Numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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
