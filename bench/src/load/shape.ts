import type { LoadSession, EventKind } from "./target.ts";
import { arrivalTimes, paceOpenLoop, seededRandom, type Arrivals } from "./pacer.ts";
import type { Recorder } from "../measure/recorder.ts";

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
  await paceOpenLoop(arrivalTimes(burstsPerSecond, arrivals, seededRandom(seed)), milliseconds, (intendedAt) => {
    const isCounted = counted();
    recorder.offered(intendedAt, isCounted, burst.length);
    sessions[next++ % sessions.length]?.offer(burst, intendedAt, isCounted);
  });
}
