import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "@holdfast/test/kit/statistics";
import type { Recorder } from "../measure/recorder.ts";
import type { EventKind, LoadSession } from "./session.ts";

/** Milliseconds of a monotonic clock, and how to wait on it; a test puts its own in their place. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

const realClock: Clock = { now: () => performance.now(), sleep: (milliseconds) => sleep(milliseconds) };

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

/** Each session always has this many events under way; a settled one is replaced after `pauseMs`. */
interface ClosedLoop {
  loop: "closed";
  kind: EventKind;
  inFlight: number;
  pauseMs: number;
}

/** Bursts are due at given times whatever became of earlier ones; sessions take them in turn. */
interface OpenLoop {
  loop: "open";
  burst: EventKind[];
  burstsPerSecond: number;
  arrivals: Arrivals;
  seed: number;
}

/** How the load is offered. */
export type LoadShape = ClosedLoop | OpenLoop;

/** To whom, and for how long; what is under way at the end is left to settle. */
interface Offer {
  sessions: LoadSession[];
  recorder: Recorder;
  milliseconds: number;
  /** Says of each event at the moment it is offered whether it will be in the figures. */
  isCounted: () => boolean;
}

export function offerLoad(shape: LoadShape, offer: Offer): Promise<void> {
  return shape.loop === "closed" ? offerClosed(shape, offer) : offerOpen(shape, offer);
}

async function offerClosed(
  { kind, inFlight, pauseMs }: ClosedLoop,
  { sessions, milliseconds, isCounted }: Offer,
): Promise<void> {
  const one = [kind];
  let ended = false;
  const offer = (session: LoadSession): void => {
    if (!ended) session.offer(one, performance.now(), isCounted());
  };
  for (const session of sessions)
    session.onSettled = () => (pauseMs === 0 ? offer(session) : void setTimeout(offer, pauseMs, session));
  for (let sent = 0; sent < inFlight; sent++) sessions.forEach(offer);
  await sleep(milliseconds);
  ended = true;
  for (const session of sessions) session.onSettled = undefined;
}

async function offerOpen(
  { burst, burstsPerSecond, arrivals, seed }: OpenLoop,
  { sessions, recorder, milliseconds, isCounted }: Offer,
): Promise<void> {
  let next = 0;
  await paceOpenLoop(arrivalTimes(burstsPerSecond, arrivals, randomFrom(seed)), milliseconds, (intendedAt) => {
    const counted = isCounted();
    recorder.offered(intendedAt, counted, burst.length);
    sessions[next++ % sessions.length]?.offer(burst, intendedAt, counted);
  });
}
