import { randomFrom } from "@holdfast/test/kit/statistics";
import type { Recorder } from "../measure/recorder.ts";
import type { EventKind, LoadSession } from "./trial.ts";

/** Milliseconds of a monotonic clock, and how to wait on it; a test puts its own in their place. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

export type Arrivals = "poisson" | "even";

/**
 * When each arrival of an open loop is due, in milliseconds from its start, without end. The times depend on nothing
 * that happens later: a slow system does not slow its load.
 */
export function* arrivalTimes(perSecond: number, arrivals: Arrivals, random: () => number): Generator<number, never> {
  const mean = 1_000 / perSecond;
  for (let due = 0; ;) {
    due += arrivals === "even" ? mean : -Math.log(1 - random()) * mean;
    yield due;
  }
}

/**
 * Calls `issue` for each arrival due before `durationMs`, with the time it was due. What is overdue is issued at once,
 * still under its own time, so latency measured from there includes the wait (no coordinated omission).
 */
export async function paceOpenLoop(
  times: Iterator<number, never>,
  durationMs: number,
  issue: (intendedAt: number) => void,
  clock: Clock = realClock,
): Promise<void> {
  const startedAt = clock.now();
  for (let due = times.next().value; due < durationMs; due = times.next().value) {
    const intendedAt = startedAt + due;
    const early = intendedAt - clock.now();
    if (early > 0) await clock.sleep(early);
    issue(intendedAt);
  }
  const rest = startedAt + durationMs - clock.now();
  if (rest > 0) await clock.sleep(rest);
}

/** How the load is offered. */
export type LoadShape =
  /** Each session always has this many events under way; a settled one is replaced after `pauseMs`. */
  | { loop: "closed"; kind: EventKind; inFlight: number; pauseMs: number }
  /** Bursts are due at given times whatever became of earlier ones; sessions take them in turn. */
  | { loop: "open"; burst: EventKind[]; burstsPerSecond: number; arrivals: Arrivals; seed: number };

/** Says of each event at the moment it is offered whether it will be in the figures. */
export type Counted = () => boolean;

/** Offers load for so long; what is under way at the end is left to settle. */
export async function offerLoad(
  shape: LoadShape,
  sessions: LoadSession[],
  recorder: Recorder,
  milliseconds: number,
  counted: Counted,
): Promise<void> {
  if (shape.loop === "closed") await offerClosed(shape, sessions, recorder, milliseconds, counted);
  else await offerOpen(shape, sessions, recorder, milliseconds, counted);
}

async function offerClosed(
  { kind, inFlight, pauseMs }: Extract<LoadShape, { loop: "closed" }>,
  sessions: LoadSession[],
  recorder: Recorder,
  milliseconds: number,
  counted: Counted,
): Promise<void> {
  const one = [kind];
  let ended = false;
  const offer = (ordinal: number): void => {
    if (!ended) sessions[ordinal]?.offer(one, performance.now(), counted());
  };
  recorder.onSettled = pauseMs === 0 ? offer : (ordinal) => void setTimeout(offer, pauseMs, ordinal);
  for (let sent = 0; sent < inFlight; sent++) sessions.forEach((_, ordinal) => offer(ordinal));
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  ended = true;
  recorder.onSettled = undefined;
}

async function offerOpen(
  { burst, burstsPerSecond, arrivals, seed }: Extract<LoadShape, { loop: "open" }>,
  sessions: LoadSession[],
  recorder: Recorder,
  milliseconds: number,
  counted: Counted,
): Promise<void> {
  let next = 0;
  await paceOpenLoop(arrivalTimes(burstsPerSecond, arrivals, randomFrom(seed)), milliseconds, (intendedAt) => {
    const isCounted = counted();
    recorder.offered(intendedAt, isCounted, burst.length);
    sessions[next++ % sessions.length]?.offer(burst, intendedAt, isCounted);
  });
}
